# syntax=docker/dockerfile:1
# The server and the commands of operators. As in a clone, Node runs the TypeScript itself: signals reach the program, and there
# is no build output that could differ from the tested code.

FROM node:26.12.1-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The lock file lists the packages of this workspace too; without its package.json, npm ci skips them and the start finds them missing.
COPY client/package.json client/
RUN npm ci --omit=dev --no-audit --no-fund
# Node and the libraries that Node and the native package load, at their own paths.
WORKDIR /runtime
RUN install -D "$(command -v node)" usr/local/bin/node \
  && ldd "$(command -v node)" ../app/node_modules/@node-rs/argon2-linux-*/*.node \
  | grep -o '/lib[^ ]*' | sort -u | xargs cp --parents -Lt .

# No shell, no npm, no package manager: an intruder finds no program but Node. The entrypoint of the base is a shell script, and stays out.
FROM scratch
LABEL org.opencontainers.image.title="seckill" \
      org.opencontainers.image.description="Coupon flash-sale backend" \
      org.opencontainers.image.licenses="MIT"
COPY --from=packages /runtime /
WORKDIR /app
# The start would cache compiled files under /app/.cache, but the root filesystem may be read-only.
ENV PATH=/usr/local/bin \
    NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=20080 \
    NODE_DISABLE_COMPILE_CACHE=1
COPY --from=packages /app .
COPY LICENSE ./
COPY bin bin
COPY migrations migrations
COPY src src
COPY web web
# The ids of the user `node` in the base; the image has no /etc/passwd.
USER 1000:1000
EXPOSE 20080
STOPSIGNAL SIGTERM
# On OPS_PORT where there is one: connections of clients may take all places on PORT.
# Checks liveness, not readiness: when a store is down, a restart of this container does not help.
# The port opens after reconcile, which takes minutes after the loss of a large Redis: hence the long start period.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10m --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.OPS_PORT || process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--expose-gc", "--max-semi-space-size=32", "bin/run.mjs", "src/main.ts"]
