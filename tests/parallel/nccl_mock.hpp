// SPDX-License-Identifier: Apache-2.0
// NCCL and CUDA without either: ranks are threads of one process, device memory is host memory, a stream is a thread that carries out what
// is queued on it, in order; the compute stream is the calling thread itself, or, where a test holds compute, a thread too. A send ends
// only with its receive, and a group only as a whole. So a wrong order of launches really deadlocks, and a missing wait really reads too
// early. What calls return, and what hangs, is scripted for each rank.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "parallel/nccl_context.hpp"
#include "tests/parallel/collective_cases.hpp"

namespace ergon {

struct MockLaunch {
  std::string group, operation;
  std::size_t count;
  int type;
  bool operator==(const MockLaunch&) const = default;
};

// Of one rank; may be changed while it runs.
struct MockScript {
  int polls = 0;                                    // every call on a communicator is taken only after so many polls
  std::map<std::string, std::vector<int>> results;  // by call ("comm_init_rank"): what its next calls return, 0 for the mock's own answer
  std::atomic<int> async_error{0};                  // what comm_get_async_error reports
  std::atomic<bool> abort_hangs{false};
  double slow_seconds = 0;   // every collective takes so long
  int stands_still_at = -1;  // the collective of this number on this rank's streams never ends, until it is aborted
};

class NcclMock {
 public:
  explicit NcclMock(int ranks);
  ~NcclMock();

  MockScript& script(int rank);
  std::vector<MockLaunch> launches(int rank) const;  // in the order of the calls
  int aborts(int rank) const;
  int ids() const;                                 // unique ids made
  int live_communicators() const;                  // neither destroyed nor aborted
  std::vector<std::string> disagreements() const;  // ranks that met with different operations

  // What a rank did with its streams, in the order of its calls:
  //   "tp all_reduce 64", "bulk cp-dp reduce_scatter 100"   a launch, and its elements
  //   "pp {send 6 to 1, recv 6 from 1}"                     messages launched as one
  //   "wait tp all_reduce 64"                               the compute stream is put behind a launch
  // and between them what the test noted.
  std::vector<std::string> trace(int rank) const;
  static void note(const std::string& what);  // of the rank that calls

  // This rank's compute stream does nothing until release_compute: a host that waits for the device would wait for ever. What the test
  // computes it hands to compute(), which otherwise runs it at once; finish_compute waits for all of it.
  void hold_compute();
  void release_compute();  // of all ranks
  static void compute(std::function<void()> task);
  static void finish_compute();

  void enter(int rank);  // this thread is that rank from now on
  static const ErgonNcclTable& nccl();
  static const ErgonDeviceTable& device();

  struct World;

 private:
  std::unique_ptr<World> world_;
};

using MockBody = std::function<void(std::shared_ptr<NcclContext> context, std::shared_ptr<Communicator> host, Failures& failures)>;
// Runs `body` on every rank of the mock and returns what failed; throws what the first rank threw.
std::string on_mock(NcclMock& mock, int ranks, const MockBody& body,
                    NcclLimits limits = {.start = {20}, .abort = {5}, .attempts = 3, .back_off = {0.01}});

}  // namespace ergon
