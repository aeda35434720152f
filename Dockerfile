# One image for the service, the scheduler, the dashboard and the operator's shell; compose.yaml says what each runs.
#   docker build -t tradingkb .                     the service
#   docker build -t tradingkb-ops --target ops .    the same with curl, jq and psql

FROM python:3.13.14-slim-trixie@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6 AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
ARG EXTRAS="server,service,runbooks,dashboard"

# The packages come first: as long as no dependency changes, this layer is taken from the cache.
# requirements.lock has more than an image needs: what it needs is resolved without being installed,
# and then installed as the lock has it, by version and hash.
COPY pyproject.toml requirements.lock ./
COPY .ci/image_lock.py ./
RUN python -m venv --without-pip /opt/tradingkb \
 && python -m venv --without-pip /opt/builder \
 && python image_lock.py wanted "$EXTRAS" > wanted.txt \
 && python image_lock.py versions > versions.txt \
 && pip --python /opt/tradingkb/bin/python install --quiet --dry-run --only-binary :all: \
      --report report.json -c versions.txt -r wanted.txt \
 && python image_lock.py chosen report.json > image.lock \
 && pip --python /opt/tradingkb/bin/python install --no-deps --require-hashes --only-binary :all: \
      -r image.lock \
 && python image_lock.py named hatchling packaging pathspec pluggy tomlkit trove-classifiers > builder.lock \
 && pip --python /opt/builder/bin/python install --no-deps --require-hashes --only-binary :all: \
      -r builder.lock

COPY README.md LICENSE ./
COPY tradingkb tradingkb
COPY notebooks/runbooks notebooks/runbooks
RUN pip --python /opt/builder/bin/python wheel --quiet --no-deps --no-build-isolation --no-index \
      --wheel-dir dist . \
 && pip --python /opt/tradingkb/bin/python install --no-deps --no-index dist/*.whl


FROM python:3.13.14-slim-trixie@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6 AS runtime
LABEL org.opencontainers.image.title="tradingkb" \
      org.opencontainers.image.description="Which strategy parameters do your own backtests support?" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

# A volume takes owner and mode from the folder that it first covers.
RUN groupadd --gid 10001 tradingkb \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/tradingkb tradingkb \
 && install -d -o tradingkb -g tradingkb -m 0750 /var/lib/tradingkb
COPY --from=build /opt/tradingkb /opt/tradingkb
WORKDIR /app
COPY LICENSE ./
COPY data data
COPY dashboard dashboard

ENV PATH=/opt/tradingkb/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TRADINGKB_HOME=/var/lib/tradingkb
USER 10001:10001
EXPOSE 8000 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# Each replica is known by the name of its container, unless it is given another one.
ENTRYPOINT ["/bin/sh", "-c", "export TRADINGKB_REPLICA=\"${TRADINGKB_REPLICA:-$(hostname)}\"; exec \"$@\"", "sh"]
CMD ["tradingkb", "serve", "--host", "0.0.0.0"]


FROM runtime AS ops
USER 0:0
# Debian keeps no older versions that could be named.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends curl jq postgresql-client \
 && rm -rf /var/lib/apt/lists/*
USER 10001:10001
HEALTHCHECK NONE
CMD ["bash"]


# What is built when no target is named.
FROM runtime AS service
