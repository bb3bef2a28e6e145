// SPDX-License-Identifier: Apache-2.0
// From the fourth step on a run takes no page fault and allocates nothing: everything was made and touched in the first three. Over MPI
// each collective makes its request, and Open MPI what it likes. This executable counts its own allocations, in front of the C library's.
// The threads that keep the lock alive and watch the other ranks work by the clock, whatever the step.
#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "configs/error.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/support/skip.hpp"
#include "tests/trainer/one_rank.hpp"
#include "trainer/kernels/vectorised.hpp"
#include "trainer/rank_zero.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// The smallest activation of the model below has 64 KiB; vectors of one number a row, and headers of tensors, stay under this.
constexpr std::size_t tensor_bytes = 16384;

thread_local std::int64_t calls = 0, tensors = 0;
std::atomic<std::int64_t> of_all_threads = 0;

void note(std::size_t bytes) {
  ++calls;
  of_all_threads.fetch_add(1, std::memory_order_relaxed);
  if (bytes >= tensor_bytes) ++tensors;
}

}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  note(bytes);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  note(count * bytes);
  return __libc_calloc(count, bytes);
}
void* realloc(void* before, std::size_t bytes) {
  note(bytes);
  return __libc_realloc(before, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  *result = memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
}

namespace {

constexpr int num_steps = 12, layers = 3, microbatches = 2;

struct Count {
  std::int64_t faults, calls, tensors;
};

Count count_now() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return {usage.ru_minflt, calls, tensors};
}

void wait_until_quiet() {
  for (std::int64_t seen = -1; seen != of_all_threads; std::this_thread::sleep_for(std::chrono::milliseconds(20))) seen = of_all_threads;
}

RunConfig config_of(const std::string& folder, const std::vector<std::string>& mesh, int threads) {
  std::vector<std::string> keys = {"model.layers=" + std::to_string(layers),
                                   "model.width=256",
                                   "model.heads=4",
                                   "model.ffn_width=1024",
                                   "model.vocabulary=1024",
                                   "model.sequence=32",
                                   "train.steps=" + std::to_string(num_steps),
                                   "train.batch=4",
                                   "train.microbatch=2",
                                   "train.evaluate_every=0",
                                   "checkpoint.every=1000",
                                   "run.threads=" + std::to_string(threads),
                                   "data.train=[\"" + folder + "/tokens.h5\"]",
                                   "run.folder=\"" + folder + "/run\""};
  keys.insert(keys.end(), mesh.begin(), mesh.end());
  return parse_run_text("", "test", keys);
}

// What this rank counted in the middle of each step.
std::vector<Count> counted_run(std::unique_ptr<Communicator> world, const std::vector<std::string>& mesh, int threads) {
  prepare_process(threads);
  std::unique_ptr<test::TemporaryFolder> own;
  const std::string folder = on_rank_zero(*world, [&] {
    own = std::make_unique<test::TemporaryFolder>();
    test::write_tiny_store(*own / "tokens.h5");
    return own->path();
  });
  const RunConfig config = config_of(folder, mesh, threads);
  Communicators communicators(mesh_of(config.mesh), std::move(world), 1, {}, context_sharding(config.mesh).exchanging());
  std::vector<Count> counts;
  counts.reserve(2 * num_steps);
  LoopOptions options;
  options.pending_stop = [&] {
    if (counts.size() < counts.capacity()) counts.push_back(count_now());
    return StopRequest::none;
  };
  ergon::test::InspectingStorage storage;
  const RunResult result = run_training(config, communicators, storage, options);
  CHECK(result.code == ExitCode::ok);
  communicators.control->barrier().wait();
  return counts;
}

}  // namespace

TEST_CASE("from the fourth step on a run takes no page fault and allocates nothing") {
  for (const int threads : {1, 2}) {
    std::unique_ptr<Communicator> world = make_mpi_world();
    const int ranks = world->size();
    const std::vector<std::string> mesh = {fmt::format("mesh.dp={}", ranks), fmt::format("train.batch={}", 4 * ranks)};
    const std::vector<Count> counts = counted_run(std::move(world), mesh, threads);
    CHECK(counts.size() == num_steps);  // one look a step
    if (counts.size() != num_steps) continue;
    const Count &from = counts[3], &to = counts.back();
    const std::int64_t steps = num_steps - 4;
    INFO(threads << " threads; by step: " << [&] {
      std::string text;
      for (std::size_t i = 1; i < counts.size(); ++i)
        text += fmt::format("{} faults, {} allocations, {} of them tensors; ", counts[i].faults - counts[i - 1].faults,
                            counts[i].calls - counts[i - 1].calls, counts[i].tensors - counts[i - 1].tensors);
      return text;
    }());
    // Open MPI's non-blocking all_reduce takes and frees a buffer of its own for each bucket, this model has one, may queue a message that
    // comes before it is awaited, and touches pages of its shared memory for the first time when messages meet in a new order.
    const std::int64_t of_mpi = ranks > 1 ? 2 * steps : 0;
    CHECK(to.faults - from.faults <= of_mpi);
    CHECK(to.tensors - from.tensors <= of_mpi);
    if (ranks == 1) CHECK(to.calls - from.calls == 0);
    // A collective is a request of ours and one of Open MPI's: the loss, the norm, the agreement, the batch and one bucket of gradients.
    if (ranks > 1) CHECK((to.calls - from.calls) / steps <= 100);
    // The first steps did allocate: the counting works.
    CHECK(counts[2].tensors > 10);
    CHECK(counts[2].faults > 100);
  }
}

TEST_CASE("from the fourth step on context ranks allocate what their messages need") {
  struct Case {
    const char* attention;
    std::int64_t messages;  // of a layer and microbatch, forward and backward
    std::int64_t each;      // allocations for one, of ours and of Open MPI
    std::int64_t buffers;   // of the size of a tensor, a step: Open MPI's non-blocking reduce_scatter takes one for each sum
  };
  for (const Case& c : {Case{"ring", 3, 30, 2}, {"ulysses", 5, 40, 2}, {"gather_kv", 12, 20, 30}}) {
    std::unique_ptr<Communicator> world = make_mpi_world();
    if (world->size() == 1) return;  // no messages
    const std::vector<Count> counts = counted_run(std::move(world), {"mesh.cp=2", std::string("mesh.attention=") + c.attention}, 1);
    CHECK(counts.size() == num_steps);
    if (counts.size() != num_steps) continue;
    const std::int64_t steps = num_steps - 4, calls_a_step = (counts.back().calls - counts[3].calls) / steps;
    INFO(c.attention << ": " << calls_a_step << " allocations a step");
    CHECK(calls_a_step <= 100 + layers * microbatches * c.messages * c.each);
    CHECK(counts.back().tensors - counts[3].tensors <= c.buffers * steps);
  }
}

TEST_CASE("from the fourth step on a step allocates nothing on any thread") {
  const std::vector<std::string> sizes = {"model.layers=3",    "model.width=256",      "model.heads=4",
                                          "model.kv_heads=2",  "model.ffn_width=1024", "model.vocabulary=1024",
                                          "model.sequence=32", "train.batch=4",        "train.microbatch=2"};
  const std::vector<std::string> llama = {"model.norm=rmsnorm", "model.positions=rotary", "model.mlp=swiglu", "model.biases=false"},
                                 gpt2 = {"model.norm=layernorm", "model.positions=learned", "model.mlp=gelu", "model.tied=true"};
  const test::TinyRun tiny;
  for (const auto& kind : {llama, gpt2})
    for (const char* dtype : {"float32", "float64", "bfloat16"})
      for (const int threads : {1, 2}) {
        if (threads > 1 && dtype == std::string("float64") && !processor_is_intel()) {
          test::skip("float64 on two threads: MKL's products open a team of threads at each call on this processor");
          continue;
        }
        prepare_process(threads);
        std::vector<std::string> keys = sizes;
        keys.insert(keys.end(), kind.begin(), kind.end());
        keys.push_back(std::string("train.dtype=") + dtype);
        test::OneRank one(tiny, keys);
        const StepBatch batch = one.loader.next();
        wait_until_quiet();  // the thread that reads ahead has read
        const std::int64_t start = of_all_threads;
        for (std::int64_t step = 1; step <= 3; ++step) run_step(one.replica, batch, step);
        const std::int64_t made = of_all_threads;
        for (std::int64_t step = 4; step <= 8; ++step) run_step(one.replica, batch, step);
        const std::int64_t later = of_all_threads;
        INFO(kind[0] << " " << dtype << " " << threads << " threads");
        CHECK(made - start > 100);
        CHECK(later - made == 0);
      }
}
