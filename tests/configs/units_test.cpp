// SPDX-License-Identifier: Apache-2.0
#include "configs/units.hpp"

#include <random>

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

TEST_CASE("sizes parse and print") {
  CHECK(parse_bytes("2 GiB").value == 2147483648);
  CHECK(parse_bytes("25MiB").value == 26214400);
  CHECK(parse_bytes("1.5 GB").value == 1500000000);
  CHECK(parse_bytes(" 4096 ").value == 4096);
  CHECK(parse_bytes("4 kB").value == 4000);
  CHECK(parse_bytes("7 B").value == 7);
  CHECK(to_text(Bytes{26214400}) == "25 MiB");
  CHECK(to_text(Bytes{2147483648}) == "2 GiB");
  CHECK(to_text(Bytes{1500000000}) == "1500 MB");
  CHECK(to_text(Bytes{1}) == "1 B");
  CHECK(to_text(Bytes{0}) == "0 B");
}

TEST_CASE("times parse and print") {
  CHECK(parse_seconds("30 min").value == 1800);
  CHECK(parse_seconds("1 h 30 min").value == 5400);
  CHECK(parse_seconds("1h30min").value == 5400);
  CHECK(parse_seconds("500 ms").value == 0.5);
  CHECK(parse_seconds("2.5 s").value == 2.5);
  CHECK(parse_seconds("2 d").value == 172800);
  CHECK(parse_seconds("90").value == 90);
  CHECK(parse_seconds("1 min 500 ms").value == 60.5);
  CHECK(to_text(Seconds{600}) == "10 min");
  CHECK(to_text(Seconds{5400}) == "1 h 30 min");
  CHECK(to_text(Seconds{0.5}) == "500 ms");
  CHECK(to_text(Seconds{30}) == "30 s");
  CHECK(to_text(Seconds{90061}) == "1 d 1 h 1 min 1 s");
  CHECK(to_text(Seconds{0}) == "0 s");
}

TEST_CASE("FLOPs parse and print") {
  CHECK(to_decimal(parse_flops("10 pfs-days")) == "864000000000000000000");
  CHECK(to_decimal(parse_flops("0.5 pfs-days")) == "43200000000000000000");
  CHECK(to_decimal(parse_flops("1 pfs-day")) == "86400000000000000000");
  CHECK(to_decimal(parse_flops("1e21")) == "1000000000000000000000");
  CHECK(to_text(parse_flops("10 pfs-days")) == "10 pfs-days");
  CHECK(to_text(parse_flops("1e21")) == "1000000000000000000000");
  CHECK(to_text(Flops{0}) == "0");
}

TEST_CASE("print and parse are inverse") {
  std::mt19937_64 random(2);
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes{static_cast<std::int64_t>(random() >> (1 + random() % 62))};
    CHECK(parse_bytes(to_text(bytes)) == bytes);
    Seconds seconds{std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 120))};
    CHECK(parse_seconds(to_text(seconds)) == seconds);
    Seconds round{static_cast<double>(random() % 10'000'000) / (random() % 2 == 0 ? 1 : 1000)};
    CHECK(parse_seconds(to_text(round)) == round);
    Flops flops{(static_cast<unsigned __int128>(random()) << 64 | random()) >> (random() % 128)};
    CHECK(parse_flops(to_text(flops)) == flops);
  }
}

TEST_CASE("every error of a unit says what was meant") {
  auto bytes = [](const char* text) { return refusal([&] { parse_bytes(text); }); };
  const std::string bytes_hint = "\n  hint: write for instance 4096, \"25 MiB\" or \"2 GB\"";
  CHECK(bytes("much") == "'much' is not a size in bytes" + bytes_hint);
  CHECK(bytes("") == "'' is not a size in bytes" + bytes_hint);
  CHECK(bytes("-1") == "'-1' is not a size in bytes" + bytes_hint);
  CHECK(bytes("1 GiB 2 MiB") == "'1 GiB 2 MiB' is not a size in bytes" + bytes_hint);
  CHECK(bytes("25 mib") == "'25 mib' has the unknown unit 'mib'\n  hint: did you mean 'MiB'?");
  CHECK(bytes("25 parsec") ==
        "'25 parsec' has the unknown unit 'parsec'\n  hint: units: PiB TiB GiB MiB KiB PB TB GB MB kB B; write for instance 4096, \"25 "
        "MiB\" or \"2 GB\"");
  CHECK(bytes("1.5 B") == "'1.5 B' is not a whole number of bytes below 2^63" + bytes_hint);
  CHECK(bytes("9000000 TiB") == "'9000000 TiB' is not a whole number of bytes below 2^63" + bytes_hint);

  auto time = [](const char* text) { return refusal([&] { parse_seconds(text); }); };
  const std::string time_hint = "\n  hint: write for instance \"30 min\", \"1 h 30 min\", \"500 ms\", or a number of seconds";
  CHECK(time("soon") == "'soon' is not a time" + time_hint);
  CHECK(time("") == "'' is not a time" + time_hint);
  CHECK(time("1 h 30") == "'1 h 30' has a number without a unit" + time_hint);
  CHECK(time("30 1 h") == "'30 1 h' has a number without a unit" + time_hint);
  CHECK(time("30 min 1 h") == "'30 min 1 h' does not go from large units to small ones, each once" + time_hint);
  CHECK(time("1 h 1 h") == "'1 h 1 h' does not go from large units to small ones, each once" + time_hint);
  CHECK(time("3 mn") == "'3 mn' has the unknown unit 'mn'\n  hint: did you mean 'min'?");
  CHECK(time("inf").find("is not a time") != std::string::npos);
  CHECK(time("1e999 s").find("is not a time") != std::string::npos);

  auto flops = [](const char* text) { return refusal([&] { parse_flops(text); }); };
  const std::string flops_hint = "\n  hint: write for instance \"10 pfs-days\" or \"1e21\"";
  CHECK(flops("lots") == "'lots' is not a number of FLOPs" + flops_hint);
  CHECK(flops("1 2") == "'1 2' is not a number of FLOPs" + flops_hint);
  CHECK(flops("10 pf-days") == "'10 pf-days' has the unknown unit 'pf-days'\n  hint: did you mean 'pfs-days'?");
  CHECK(flops("1.5") == "'1.5' is not a whole number of FLOPs below 2^128" + flops_hint);
  CHECK(flops("1e30 pfs-days") == "'1e30 pfs-days' is not a whole number of FLOPs below 2^128" + flops_hint);
}
