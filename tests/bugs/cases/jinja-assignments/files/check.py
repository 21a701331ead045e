import os
import subprocess
import sys

seen = set()
for seed in range(8):
    variables = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run([sys.executable, "run.py"], env=variables, check=True, capture_output=True, text=True)
    seen.add(done.stdout)
print(len(seen), "different templates")
sys.exit(len(seen) > 1)
