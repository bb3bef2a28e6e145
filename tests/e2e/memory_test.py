# SPDX-License-Identifier: Apache-2.0
"""The memory of a training step: bounded for a real model, and the same however many steps are made."""
import json

from harness import Case, main

MIB = 1 << 20


class Memory(Case):
    def peak(self, *arguments):
        result = json.loads(self.ergon("bench", "train", "--json", *arguments).stdout)
        return result["cases"][0]["peak_memory_bytes"]

    def test_gpt2_124m(self):
        # Weights, gradients and two moments alone, 16 bytes a parameter, are 1.85 GiB: less would mean that something is not measured.
        peak = self.peak("--steps", "1", "--warmup", "1")
        self.assertGreater(peak, 16 * 124_439_808)
        self.assertLess(peak, 3 * 1024 * MIB)

    def test_steps_do_not_add_up(self):
        small = ["run.gemm=mkl", "model.layers=2", "model.vocabulary=2000", "model.width=256", "model.heads=4"]
        few, many = (self.peak("--steps", steps, "--warmup", "1", *small) for steps in ("1", "25"))
        self.assertLess(many, few + 4 * MIB)


main()
