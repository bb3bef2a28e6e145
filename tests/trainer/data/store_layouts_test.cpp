// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/store_layouts.hpp"

#include <atomic>

#include "parallel/communicator_local.hpp"
#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("one rank looks into each store once, and every rank opens it") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(20), storage);
  std::atomic<int> looks{0}, tokens{0};
  run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
    Storage mine([&](int descriptor, const std::string& path, const std::vector<std::string>& names) {
      ++looks;
      return inspect_here(descriptor, path, names);
    });
    share_store_layouts({folder / "a.h5", folder / "a.h5"}, mine, *world);
    for (int again = 0; again < 2; ++again) tokens += static_cast<int>(TokenStore(folder / "a.h5", mine).info().tokens);
  });
  CHECK(looks == 1);
  CHECK(tokens == 6 * TokenStore(folder / "a.h5", storage).info().tokens);
}

TEST_CASE("a store that is refused is refused on every rank; a file that has changed since is noticed") {
  TemporaryFolder folder;
  InspectingStorage storage;
  write_file(folder / "bad.h5", "text");
  std::atomic<int> refused{0};
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    InspectingStorage mine;
    try {
      share_store_layouts({folder / "bad.h5"}, mine, *world);
    } catch (const Error& error) {
      if (error.code() == ExitCode::data) ++refused;
    }
  });
  CHECK(refused == 2);

  make_store(folder / "a.h5", some_documents(20), storage);
  const auto world = std::move(make_local_group(1).front());
  share_store_layouts({folder / "a.h5"}, storage, *world);
  const std::string whole = read_file(folder / "a.h5");
  write_file(folder / "a.h5", whole.substr(0, whole.size() / 2));
  CHECK(contains(problem_of([&] { TokenStore store(folder / "a.h5", storage); }), "does not lie inside the file"));
}
