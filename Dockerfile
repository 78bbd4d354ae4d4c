# The one image: operator and movers are the same program with another argument.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
# Certificates of public authorities are compiled into Node; an own authority comes by caConfigMapName.
WORKDIR /app
COPY --from=build /src/dist dist
ENV NODE_ENV=production
USER 65532:65532
ENTRYPOINT ["node", "--enable-source-maps", "--max-semi-space-size=8", "/app/dist/main.js"]
