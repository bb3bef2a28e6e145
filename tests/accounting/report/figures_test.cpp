// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/figures.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("numbers on a page") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(124439808) == "124,439,808");
  CHECK(grouped(-123456) == "-123,456");
  CHECK(rounded_flops({999999}) == "999999");
  CHECK(rounded_flops(parse_decimal("314280000000000000000000")) == "3.143e+23");
  CHECK(rounded_pfs_days({3637.5}) == "3637.5");
  CHECK(rounded_bytes({1023}) == "1023 B");
  CHECK(rounded_bytes({1536}) == "1.5 KiB");
  CHECK(rounded_bytes({std::int64_t{3} << 40}) == "3.0 TiB");
  CHECK(rounded_bytes({std::int64_t{4096} << 50}) == "4096.0 PiB");
  CHECK(clock({12.34}) == "12.3 s");
  CHECK(clock({310}) == "5 min 10 s");
  CHECK(clock({7500}) == "2 h 05 min");
  CHECK(percent(0.4126) == "41.3 %");
}
