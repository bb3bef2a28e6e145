// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/patience.hpp"

#include <cerrno>
#include <thread>

#include "configs/clock.hpp"

namespace ergon {

void Tries::wait_after(const CallError& error) {
  if (error.number() != EIO && error.number() != ESTALE) throw;
  if (++failed_ == patience_.tries)
    throw Error(fmt::format("{}, {} times in {:.1f} s", error.problem(), failed_, wait_.value - patience_.first_wait.value), error.where(),
                error.hint(), ExitCode::data);
  std::this_thread::sleep_for(clock_ticks(wait_));
  wait_ = {2 * wait_.value};
}

}  // namespace ergon
