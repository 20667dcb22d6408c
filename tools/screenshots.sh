#!/usr/bin/env bash
# Draw the pictures of README.md and docs/serving.md with the installed model and Chromium:
#
#   tools/screenshots.sh          # CHROMIUM names another command than 'chromium'
set -euo pipefail
cd "$(dirname "$0")/.."
chromium=${CHROMIUM:-chromium}
made=$(mktemp -d) server=
trap 'kill $server 2> /dev/null || true; rm -rf "$made"' EXIT

# Draws an address as a picture of the given width and height, at twice the pixels.
draw() {
  "$chromium" --headless --no-sandbox --hide-scrollbars --force-device-scale-factor=2 \
    --virtual-time-budget=10000 --user-data-dir="$made/profile" \
    --window-size="$3,$4" --screenshot="$2" "$1" 2> "$made/chromium.log" || { cat "$made/chromium.log"; exit 1; }
}

sed -n 1p fixtures/raw_abstracts.jsonl > "$made/abstract.jsonl"
sept predict "$made/abstract.jsonl" --silent -o "$made/predicted.jsonl"
sept html "$made/predicted.jsonl" "$made/page.html" > /dev/null
# The document alone, without the page's heading and tables of counts.
sed -i 's#</head>#<style>body > :not(details) { display: none }</style></head>#' "$made/page.html"
sept serve --port 8766 & server=$!
for _ in $(seq 100); do curl --silent --fail http://127.0.0.1:8766/health > /dev/null && break; sleep 0.1; done
text=$(python -c 'import json, sys, urllib.parse; print(urllib.parse.urlencode({"text": json.load(sys.stdin)["text"]}))' < "$made/abstract.jsonl")

draw "file://$made/page.html" docs/images/predicted_abstract.png 900 900
draw "http://127.0.0.1:8766/#$text" docs/images/server_page.png 1000 900
draw "http://127.0.0.1:8766/#$text" docs/images/server_page_phone.png 400 900
