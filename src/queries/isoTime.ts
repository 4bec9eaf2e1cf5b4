/** Microseconds since 1970 on the clock of Redis as ISO 8601, to the millisecond. */
export const isoTime = (microseconds: number) => new Date(microseconds / 1_000).toISOString();

/** The times that are present, as ISO 8601. */
export const isoTimes = <Field extends string>(
  times: Readonly<Record<Field, number | undefined>>,
): { [F in Field]?: string } =>
  Object.fromEntries(
    Object.entries<number | undefined>(times).flatMap(([field, time]) =>
      time === undefined ? [] : [[field, isoTime(time)]],
    ),
  ) as { [F in Field]?: string };
