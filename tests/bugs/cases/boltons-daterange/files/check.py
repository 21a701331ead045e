import subprocess
import sys

subprocess.run([sys.executable, "run.py"], timeout=15, check=True, stdout=subprocess.DEVNULL)
