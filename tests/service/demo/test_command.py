"""The command that serves a simulated cloud."""

import subprocess
import sys


def test_without_the_libraries_of_the_extra_one_line_says_how_to_get_them():
    without = "import sys; sys.modules['uvicorn'] = None; from usance.demo.__main__ import main; main([])"

    done = subprocess.run(
        [sys.executable, "-c", without], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert done.stderr.splitlines() == ["Error: uvicorn is not installed (pip install 'usance[demo]')"]
