#!/usr/bin/env bash
# MLflow 3.17.2, client and server on one machine, Python 3.11.
#
# A parameter longer than 6,000 characters that is logged through a tracking server is cut there, and nobody is told:
# `MlflowClient.log_batch` and `log_param` return as after a success, the client warns of nothing (the warning goes into the
# server's log), and the run shows the first 6,000 characters. Two settings that differ behind them are then one value: a run
# in which the parameter is logged again with another ending raises no "changing param values is not allowed".
# A parameter of any length whose *name* has a plus sign is refused with an error, as one would expect of the length too.
#
# Seen:
#   long value: 7000 characters sent, 6000 kept
#   another ending: taken without an error
#   another beginning: refused
#   name with a plus sign: refused
#   warnings of the client: 0; in the server's log: 3
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
server=
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow==3.17.2
cd "$folder"
port=$("$folder/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
"$folder/venv/bin/mlflow" server --host 127.0.0.1 --port "$port" --workers 1 --backend-store-uri sqlite:///m.db >server.log 2>&1 &
server=$!
for _ in $(seq 240); do
    "$folder/venv/bin/python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health')" 2>/dev/null && break
    sleep 0.5
done
cat >ask.py <<'PYTHON'
import sys
from mlflow import MlflowClient
from mlflow.entities import Param
from mlflow.exceptions import MlflowException

client = MlflowClient(sys.argv[1])
run = client.create_run("0").info.run_id


def refused(key, value):
    try:
        client.log_param(run, key, value)
    except MlflowException:
        return True
    return False


client.log_batch(run, params=[Param("schedule", "a" * 7000)])
kept = len(client.get_run(run).data.params["schedule"])
ending = refused("schedule", "a" * 6000 + "b" * 1000)
beginning = refused("schedule", "b" * 7000)
plus = refused("mine+v2", "1")
print(f"long value: 7000 characters sent, {kept} kept")
print("another ending:", "refused" if ending else "taken without an error")
print("another beginning:", "refused" if beginning else "taken without an error")
print("name with a plus sign:", "refused" if plus else "taken without an error")
sys.exit(0 if (kept, ending, beginning, plus) == (6000, False, True, True) else 1)
PYTHON
"$folder/venv/bin/python" -W ignore ask.py "http://127.0.0.1:$port" 2>client.log
if grep truncated client.log; then exit 1; fi
warned=$(grep --count 'is truncated to 6000 characters' server.log)
echo "warnings of the client: 0; in the server's log: $warned"
[ "$warned" = 3 ]
