#!/bin/bash
# Runs once, as root, before the services: folders, the admin's password file, the database; all owned by the services' user.
set -euo pipefail

mkdir -p "$AIRFLOW_HOME" "$MINHOS_HOME/model_repository"
python - <<'PYTHON'
import json, os

path = os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
    json.dump({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}, file)
PYTHON
airflow db migrate
chown -R "$OWNER" "$MINHOS_HOME"
