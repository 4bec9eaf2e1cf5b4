import type { RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export interface OpenAnswers {
  /** The same listener; the answers to its requests are open until they are sent. */
  tracked(listener: RequestListener): RequestListener;
  /** The open answers of a connection, oldest first. There are several when its client sends a request before it has the last answer. */
  of(socket: Duplex): readonly ServerResponse[];
}

export function createOpenAnswers(): OpenAnswers {
  const openOf = new WeakMap<Duplex, Set<ServerResponse>>();
  // One function for all answers: a closure for each would cost every grab.
  function remove(this: ServerResponse): void {
    openOf.get(this.req.socket)?.delete(this);
  }
  return {
    tracked: (listener) => (request, response) => {
      const open = openOf.get(request.socket);
      if (open === undefined) openOf.set(request.socket, new Set([response]));
      else open.add(response);
      response.on('close', remove);
      listener(request, response);
    },
    of: (socket) => [...(openOf.get(socket) ?? [])],
  };
}
