# Airflow with everything a night needs, from the lock in requirements/: the same packages as `make setup` installs.
FROM python:3.12-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    DO_NOT_TRACK=true GX_ANALYTICS_ENABLED=false HOME=/tmp USER=minhos

# LightGBM loads libgomp
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/minhos
COPY requirements/platform.txt requirements/platform.txt
RUN pip install --no-cache-dir --require-hashes --requirement requirements/platform.txt

COPY pyproject.toml README.md LICENSE ./
COPY clients clients
COPY minhos minhos
COPY monitoring monitoring
COPY model_repository model_repository
COPY dags dags
COPY docker/init.sh docker/init.sh
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . --editable clients

USER 1000:1000
ENTRYPOINT ["airflow"]
