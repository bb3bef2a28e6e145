// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/foreign_file.hpp"

#include "tests/trainer/data/foreign/foreign_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string opening_refusal(const std::string& path, Storage& storage, std::optional<ForeignFormat> format = {},
                            std::optional<TokenDtype> dtype = {}, ExitCode code = ExitCode::data) {
  return problem_of([&] { open_foreign(path, format, dtype, storage); }, code);
}

}  // namespace

TEST_CASE("a file of ids is known by what it holds and how it is named") {
  TemporaryFolder folder;
  Storage storage;
  const auto ids = some_ids(60);
  write_file(folder / "plain.bin", encoded(TokenDtype::u16, ids));
  write_file(folder / "llmc.bin", llmc_header_bytes_of(TokenDtype::u32, 60) + encoded(TokenDtype::u32, ids));
  write_file(folder / "numpy.npy", npy_header_bytes_of(TokenDtype::i64, 60) + encoded(TokenDtype::i64, ids));
  write_file(folder / "raw.npy", encoded(TokenDtype::u32, ids));
  const MegatronIndex index = some_index();
  const std::vector<std::int32_t> few(ids.begin(), ids.begin() + 17);
  write_file(folder / "megatron.bin", encoded(TokenDtype::i32, few));
  write_file(folder / "megatron.idx", text_of(megatron_index_bytes(index)));

  const auto opened = [&](const char* file, std::optional<TokenDtype> dtype = {}) {
    return open_foreign(folder / file, {}, dtype, storage);
  };

  CHECK(opened("plain.bin").format == ForeignFormat::nanogpt);
  CHECK(all_ids(opened("plain.bin"), storage) == ids);
  CHECK(opened("llmc.bin").format == ForeignFormat::llmc);
  CHECK(opened("llmc.bin").dtype == TokenDtype::u32);
  CHECK(all_ids(opened("llmc.bin"), storage) == ids);
  CHECK(opened("numpy.npy").format == ForeignFormat::olmo);
  CHECK(all_ids(opened("numpy.npy"), storage) == ids);
  CHECK(all_ids(opened("raw.npy", TokenDtype::u32), storage) == ids);
  for (const char* name : {"megatron", "megatron.bin", "megatron.idx"}) {
    CHECK(opened(name).index == index);
    CHECK(all_ids(opened(name), storage) == few);
  }
  CHECK(foreign_format("megatron") == ForeignFormat::megatron);
  CHECK(!foreign_format("parquet"));
}

TEST_CASE("a file of ids that contradicts itself is refused") {
  TemporaryFolder folder;
  Storage storage;
  const auto ids = some_ids(60);
  write_file(folder / "odd.bin", "abc");
  write_file(folder / "short.bin", llmc_header_bytes_of(TokenDtype::u16, 61) + encoded(TokenDtype::u16, ids));
  write_file(folder / "raw.npy", encoded(TokenDtype::u32, ids));
  write_file(folder / "m.bin", "ab");
  CHECK(contains(opening_refusal(folder / "absent.bin", storage), "does not exist"));
  CHECK(contains(opening_refusal(folder / "odd.bin", storage), "has 3 bytes of ids, which is no multiple of the 2 of a uint16"));
  CHECK(contains(opening_refusal(folder / "short.bin", storage), "holds 60 ids, its header says 61"));
  CHECK(contains(opening_refusal(folder / "short.bin", storage, {}, TokenDtype::u32, ExitCode::config), "holds uint16, not uint32"));
  CHECK(contains(opening_refusal(folder / "raw.npy", storage, {}, {}, ExitCode::config), "is raw: nothing in it says how wide an id is"));
  CHECK(contains(opening_refusal(folder / "m.bin", storage, ForeignFormat::megatron), "m.idx: does not exist"));
  write_file(folder / "m.idx", text_of(megatron_index_bytes(some_index())));
  CHECK(contains(opening_refusal(folder / "m", storage), "m.bin: has 2 bytes, its index says 68"));
}
