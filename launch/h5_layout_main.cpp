// SPDX-License-Identifier: Apache-2.0
// The program ergon-h5-layout: `ergon h5-layout` without the rest of ergon. Linked without LibTorch it starts in milliseconds.
#include "launch/commands.hpp"
#include "launch/failure.hpp"

int main(int argc, char** argv) {
  return ergon::run_guarded([&] { return ergon::command_h5_layout(argc - 1, argv + 1); });
}
