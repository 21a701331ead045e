import subprocess
import sys

names = [
    subprocess.run([sys.executable, "name.py", each], capture_output=True, text=True, check=True).stdout
    for each in ("back.sql", "double.sql")
]
print(*names)
sys.exit(names[0] != names[1])
