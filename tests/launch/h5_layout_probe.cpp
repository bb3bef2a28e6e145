// SPDX-License-Identifier: Apache-2.0
// `ergon h5-layout` without the rest of ergon: linked without LibTorch it starts in milliseconds, so that a test can ask it hundreds of
// times.
#include "launch/commands.hpp"
#include "launch/failure.hpp"

int main(int argc, char** argv) {
  return ergon::run_guarded([&] { return ergon::command_h5_layout(argc - 1, argv + 1); });
}
