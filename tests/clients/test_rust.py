"""The AWS SDK for Rust, unmodified, drives a workflow: the program in rust/."""

import os
import subprocess
import unittest

from support import Server

RUST_CLIENT = os.environ.get("RUST_CLIENT")


class Rust(unittest.TestCase):
    @unittest.skipUnless(RUST_CLIENT, "RUST_CLIENT names no built program of tests/clients/rust; .ci/run builds it")
    def test_a_workflow_from_create_to_delete(self):
        with Server() as server:
            environment = os.environ | {"AWS_ENDPOINT_URL_SFN": server.url}
            done = subprocess.run([RUST_CLIENT], capture_output=True, text=True, timeout=120, env=environment)
            self.assertEqual((done.returncode, done.stdout), (0, "ok\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
