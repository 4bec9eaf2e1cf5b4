/** Closes something that was opened. Called at most once. */
export type Closer = () => Promise<void> | void;

export interface Closers {
  /** Remembers how to close what was just opened. */
  push(close: Closer): void;
  /** Closes everything, the last opened first. One that fails doesn't keep the others open; the first failure is thrown at the end. */
  closeAll(): Promise<void>;
}

export function createClosers(): Closers {
  const stack: Closer[] = [];
  return {
    push: (close) => void stack.push(close),
    async closeAll() {
      const failures: unknown[] = [];
      for (let close = stack.pop(); close; close = stack.pop()) {
        try {
          await close();
        } catch (failure) {
          failures.push(failure);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
