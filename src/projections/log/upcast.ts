import type { CouponEvent } from '../../events.ts';
import { NewerRelease } from '../../newerRelease.ts';

// A stored event is never rewritten. When the data of an event type changes its shape, a step that converts the previous shape to
// the new one is added to the end of the type's list, and a sample of the previous shape to test/fixtures/log. A new field that
// may be absent needs no step. Where older releases must not go on without it, the new data has the field `needs` as well, the release
// that understands it; older ones leave such an event to a process of that release.

type Data = Record<string, unknown>;
type Step = (data: Data) => Data;
type Steps = Readonly<Partial<Record<CouponEvent['type'], readonly Step[]>>>;

/** The first step of a list converts shape 1 to shape 2, and so on. A type that never changed its shape has no list. */
const steps: Steps = {};

export function createShapes(stepsOf: Steps) {
  const latest = (type: string) => (stepsOf[type as CouponEvent['type']]?.length ?? 0) + 1;
  return {
    /** Converts stored data to the latest shape. Throws NewerRelease on a shape that only a newer release can have written. */
    upcast(type: string, stored: Data): Data {
      if (stored.shape === undefined && latest(type) === 1) return stored;
      const { shape = 1, ...data } = stored;
      if (!Number.isInteger(shape) || Number(shape) < 1) throw new Error(`${type} has the shape ${shape}`);
      if (Number(shape) > latest(type))
        throw new NewerRelease(
          `${type} of shape ${shape}: this program knows shapes up to ${latest(type)}; it`,
          data.needs,
        );
      const missing = stepsOf[type as CouponEvent['type']]?.slice(Number(shape) - 1) ?? [];
      return missing.reduce((older, step) => step(older), data);
    },
    /** Data to be stored, with the number of its shape. Data of shape 1 has no number. */
    stamp: (type: string, data: Data): Data => (latest(type) === 1 ? data : { ...data, shape: latest(type) }),
  };
}

export const shapes = createShapes(steps);
