# `docker build -t stabbench .`, then `docker run --rm -v "$PWD:/work" stabbench compare scores.csv`.
# Without torch: what reads results (compare, check, seeds, noise, badge, report). For training see docs/distribution.md.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY stabbench stabbench
COPY requirements.lock .
# The package's own requirements at the versions of the lock, which torch and the checks are no part of.
RUN python -m venv /opt/stabbench \
    && sed -n 's/^\([A-Za-z0-9._-]*==[^ ;]*\).*/\1/p' requirements.lock > pins.txt \
    && /opt/stabbench/bin/pip install --no-cache-dir --constraint pins.txt . \
    && /opt/stabbench/bin/python -m compileall -q /opt/stabbench/lib

FROM python:3.13-slim AS run
COPY --from=build /opt/stabbench /opt/stabbench
ENV PATH=/opt/stabbench/bin:$PATH PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home --uid 1000 stabbench
USER stabbench
WORKDIR /work
ENTRYPOINT ["stabbench"]
CMD ["--help"]
