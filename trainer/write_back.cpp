// SPDX-License-Identifier: Apache-2.0
#include "trainer/write_back.hpp"

#include <fcntl.h>

namespace ergon {

void WriteBack::reached(std::int64_t end) {
  constexpr std::int64_t page = 4096;
  const std::int64_t whole = end / page * page;
  if (whole - begun_ < window) return;
  // A hint: where it fails, the sync has more to do, and says what is wrong with the file.
  (void)::sync_file_range(file_.descriptor(), begun_, whole - begun_, SYNC_FILE_RANGE_WRITE);
  begun_ = whole;
}

}  // namespace ergon
