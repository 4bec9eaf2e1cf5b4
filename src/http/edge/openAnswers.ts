import type { RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export interface OpenAnswers {
  /** The same listener; the answers to its requests are open until they are sent. */
  tracked(listener: RequestListener): RequestListener;
  /** The open answers of a connection, oldest first. There are several when its client sends a request before it has the last answer. */
  of(socket: Duplex): readonly ServerResponse[];
}

const isOpen = ({ closed }: ServerResponse) => !closed;

export function createOpenAnswers(): OpenAnswers {
  const answersOf = new WeakMap<Duplex, ServerResponse[]>();
  return {
    // Answers that are closed are dropped here and not by a listener of each answer, which would cost every grab.
    tracked: (listener) => (request, response) => {
      const answers = answersOf.get(request.socket);
      if (answers === undefined) answersOf.set(request.socket, [response]);
      else {
        if (answers.at(-1)?.closed) answers.length = 0;
        answers.push(response);
      }
      listener(request, response);
    },
    of: (socket) => (answersOf.get(socket) ?? []).filter(isOpen),
  };
}
