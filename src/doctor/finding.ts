/** `good`: as it should be. `note`: works, and the operator should know. `unsafe`: to be mended before the first sale. */
export type Verdict = 'good' | 'note' | 'unsafe';

export interface Problem {
  verdict: Exclude<Verdict, 'good'>;
  /** What follows from it. */
  why: string;
  mend: string;
}

export interface Finding {
  area: 'Redis' | 'MySQL' | 'clocks' | 'speed';
  name: string;
  value: string;
  problem?: Problem | undefined;
}

/** A line of a table of checks, over facts that were read before. */
export interface Check<Facts> {
  name: string;
  /** Undefined where the check does not apply. */
  value(facts: Facts): string | undefined;
  problem(facts: Facts): Problem | undefined;
}

export const unsafe = (why: string, mend: string): Problem => ({ verdict: 'unsafe', why, mend });
export const note = (why: string, mend: string): Problem => ({ verdict: 'note', why, mend });

export const applyChecks = <Facts>(area: Finding['area'], checks: readonly Check<Facts>[], facts: Facts): Finding[] =>
  checks.flatMap(({ name, value, problem }) => {
    const found = value(facts);
    return found === undefined ? [] : [{ area, name, value: found, problem: problem(facts) }];
  });
