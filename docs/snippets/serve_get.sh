server=${1:-http://127.0.0.1:8321}
curl -sS "$server/v1/capital-distribution/HK.00700?max_age=60"
curl -sS "$server/v1/capital-distributions?codes=HK.00700,US.AAPL&max_age=60"
curl -sS -N --max-time 3 "$server/v1/watch" || true # until you leave
