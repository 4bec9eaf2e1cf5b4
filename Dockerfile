# syntax=docker/dockerfile:1
# The server, and the commands that operators run beside it, as they run everywhere: TypeScript through tsx, in the one process
# that was started. So signals reach it, and there is no second build that could differ from what the tests ran.

FROM node:20.20.2-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The lock has the client's packages as well, and a start finds them missing otherwise.
COPY client/package.json client/
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:20.20.2-bookworm-slim
LABEL org.opencontainers.image.title="seckill" \
      org.opencontainers.image.description="Coupon flash-sale backend" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
# tsx keeps what it translates under /tmp unless it is told not to: the root filesystem may be read-only.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=20080 \
    TSX_DISABLE_CACHE=1
COPY --from=packages /app .
COPY LICENSE ./
COPY bin bin
COPY migrations migrations
COPY src src
COPY web web
USER node
EXPOSE 20080
STOPSIGNAL SIGTERM
# Lives, and not ready: a container that can't take grabs because a store is away is not made better by a restart.
# Reconcile comes before the port, and after the loss of a large Redis it takes minutes.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10m --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=32", "bin/run.mjs", "src/main.ts"]
