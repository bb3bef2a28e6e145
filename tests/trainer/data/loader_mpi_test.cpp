// SPDX-License-Identifier: Apache-2.0
// The loader over MPI: every mesh of the ranks at hand.
#include <unistd.h>

#include <filesystem>
#include <mutex>

#include "configs/error.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/trainer/data/loader_cases.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("loaders over MPI read the same steps on every mesh") {
  auto world = make_mpi_world();
  const int ranks = world->size();
  // The launcher's process id names one folder on all ranks.
  const std::string path = (std::filesystem::temp_directory_path() / ("ergon_loader_" + std::to_string(getppid()) + ".h5")).string();
  ergon::test::InspectingStorage storage;
  if (world->rank() == 0) make_store(path, some_documents(40), storage);
  world->barrier().wait();

  Findings findings;
  for (int tp = 1; tp <= ranks; tp *= 2) {
    const MeshSizes mesh{ranks / tp, 1, 1, tp};
    const DataState after = check_loader(path, mesh, make_mpi_world(), 16, 12, {}, uneven_mask, findings);
    check_loader(path, mesh, make_mpi_world(), 16, 3, after, {}, findings);
  }
  CHECK(findings.text() == "");

  world->barrier().wait();
  if (world->rank() == 0) storage.unlink(path);
}

namespace {

// What this rank asks of files; two threads read (trainer/data/prefetcher.hpp).
struct CountingStorage : InspectingStorage {
  struct Read {
    std::int64_t offset, end;
  };
  File open_read(const std::string& path) override {
    ++opens;
    return InspectingStorage::open_read(path);
  }
  void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override {
    {
      const std::lock_guard lock(mutex);
      reads.push_back({offset, offset + std::ssize(data)});
    }
    InspectingStorage::pread(file, data, offset);
  }
  int opens = 0;
  std::vector<Read> reads;
  std::mutex mutex;
};

std::string shared_path(const std::string& name) {
  return (std::filesystem::temp_directory_path() / fmt::format("ergon_loader_{}_{}.h5", getppid(), name)).string();
}

}  // namespace

TEST_CASE("rank 0 alone reads what a store holds; readers open it for tokens, the others not at all") {
  auto world = make_mpi_world();
  const int ranks = world->size(), rank = world->rank();
  const std::string path = shared_path("opens");
  InspectingStorage own;
  if (rank == 0) make_store(path, some_documents(40), own);
  world->barrier().wait();
  Findings findings;
  for (int tp = 1; tp <= ranks; tp *= 2) {
    CountingStorage storage;
    const Mesh mesh({ranks / tp, 1, 1, tp});
    Communicators communicators(mesh, make_mpi_world());
    const StoreCatalogue catalogue = share_store_catalogue({path}, storage, *communicators.control);
    findings.expect(storage.opens == (rank == 0 ? 1 : 0), fmt::format("rank {} opened {} files for the index", rank, storage.opens));
    findings.expect(storage.reads.empty() == (rank != 0), "reads for the index");
    storage.opens = 0;
    storage.reads.clear();

    const TokenSource source(catalogue, {path}, Split::train, 8, storage);
    {
      Loader loader(source, {2, 2}, communicators, initial_data_state(source, 3));
      for (int step = 0; step < 3; ++step) loader.next();
    }
    const bool reads = mesh.coordinate(rank, Axis::tp) == 0;
    findings.expect(storage.opens == (reads ? 1 : 0), fmt::format("rank {} opened {} files for tokens, tp {}", rank, storage.opens, tp));
    const auto& index = *catalogue.of(path)[0].index;
    for (const auto& [offset, end] : storage.reads)
      findings.expect(reads && offset >= index.data_offset && end <= index.data_offset + index.info.tokens * index.info.token_bytes,
                      "a read outside the tokens");
  }
  CHECK(findings.text() == "");

  std::string problem;
  try {
    CountingStorage storage;
    share_store_catalogue({path + ".none"}, storage, *world);
  } catch (const Error& error) {
    problem = error.where() + ": " + error.problem();
  }
  CHECK(problem == path + ".none: does not exist");
  world->barrier().wait();
  if (rank == 0) own.unlink(path);
}
