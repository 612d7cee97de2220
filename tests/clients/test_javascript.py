"""The AWS SDK for JavaScript v3, unmodified, drives a workflow."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from support import STEPWELL, Server

# A directory with node_modules/@aws-sdk/client-sfn.
NODE_CLIENT = os.environ.get("NODE_CLIENT")


class JavaScript(unittest.TestCase):
    @unittest.skipUnless(NODE_CLIENT, "NODE_CLIENT names no directory with @aws-sdk/client-sfn; ./test installs one")
    def test_a_workflow_from_create_to_delete(self):
        program = (pathlib.Path(__file__).parent / "client.mjs").read_text()
        with Server() as server, tempfile.TemporaryDirectory() as folder:
            command = [STEPWELL, "env", "--client", "js", "--endpoint-url", server.url]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            script = pathlib.Path(folder) / "client.mjs"
            script.write_text(printed + program)
            # Modules are looked for beside the script.
            (pathlib.Path(folder) / "node_modules").symlink_to(pathlib.Path(NODE_CLIENT).resolve() / "node_modules")
            done = subprocess.run(["node", "--preserve-symlinks-main", script], capture_output=True, text=True, timeout=120)
            self.assertEqual((done.returncode, done.stdout), (0, "ok\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
