// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/kernels/cuda/emulation/machine.hpp"

#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <string>
#include <vector>

constinit thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace ergon::cuda {
namespace {
double first_word() { return 0.0; }
}  // namespace
// The kernels' dynamic shared memory (attention_tiles.cuh), with room behind it for the guard. Its first word is initialised at run time:
// users see an array of unknown bound, for which GCC 12 calls an initialiser without asking whether there is one.
constexpr std::size_t guard_words = 64;
thread_local double shared_words[emulation::most_shared_bytes / sizeof(double) + guard_words] = {first_word()};
}  // namespace ergon::cuda

namespace emulation {
namespace {

constexpr std::size_t stack_bytes = 128 * 1024, page = 4096;
constexpr int warp = 32;

enum class State { ready, at_block, at_warp, done };

struct Fiber {
  State state = State::done;
  bool started = false;
  ucontext_t context{};
  jmp_buf where{};
  void* stack = nullptr;
  std::source_location waits_at;
  int value = 0;
  std::uint64_t word = 0;
};

class Machine {
 public:
  ~Machine() {
    for (Fiber& fiber : fibers_) munmap(fiber.stack, stack_bytes + page);
  }

  void run_block(int threads, const std::function<void()>& thread) {
    grow(threads);
    thread_ = &thread;
    threads_ = threads;
    for (int t = 0; t < threads; ++t) fibers_[t].state = State::ready;
    while (true) {
      for (int w = 0; w < threads / warp; ++w) run_warp(backwards() ? threads / warp - 1 - w : w);
      if (!pass_block_barrier()) return;
    }
  }

  int wait_for_block(int value, std::source_location where) {
    mine().value = value;
    stop(State::at_block, where);
    return barrier_value_;
  }

  std::uint64_t exchange(std::uint64_t word, int lane, std::source_location where) {
    mine().word = word;
    stop(State::at_warp, where);
    return released_[current_ / warp][lane];
  }

  Order order = Order::forwards;

 private:
  bool backwards() const { return order == Order::backwards; }
  Fiber& mine() { return fibers_[current_]; }

  void grow(int threads) {
    if (threads % warp != 0) throw Fault("a block of " + std::to_string(threads) + " threads: not whole warps");
    while (static_cast<int>(fibers_.size()) < threads) {
      Fiber& fiber = fibers_.emplace_back();
      fiber.stack = mmap(nullptr, stack_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (fiber.stack == MAP_FAILED) throw Fault("no memory for the stack of a fiber");
      mprotect(fiber.stack, page, PROT_NONE);  // an overflow ends the process here
    }
    released_.resize(fibers_.size() / warp);
  }

  // Runs one fiber until it stops. setjmp and longjmp switch without the system call of swapcontext; ucontext makes the first entry.
  [[gnu::noinline]] void resume(int index) {
    current_ = index;
    threadIdx = dim3(static_cast<unsigned>(index));
    Fiber& fiber = fibers_[index];
    if (_setjmp(scheduler_) != 0) return;
    if (fiber.started) _longjmp(fiber.where, 1);
    fiber.started = true;
    ASAN_UNPOISON_MEMORY_REGION(fiber.stack, stack_bytes + page);  // of frames that a fault has abandoned
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = static_cast<char*>(fiber.stack) + page;
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Machine::enter, 0);
    setcontext(&fiber.context);
  }

  static void enter();

  [[gnu::noinline]] void stop(State state, std::source_location where) {
    Fiber& fiber = mine();
    fiber.state = state;
    fiber.waits_at = where;
    if (_setjmp(fiber.where) == 0) _longjmp(scheduler_, 1);
  }

  // Until every lane is at the barrier of the block or done; shuffles on the way need all 32 lanes at one place.
  void run_warp(int w) {
    while (true) {
      int waiting = 0;
      for (int i = 0; i < warp; ++i) {
        const int t = w * warp + (backwards() ? warp - 1 - i : i);
        if (fibers_[t].state == State::ready) resume(t);
        waiting += fibers_[t].state == State::at_warp;
      }
      if (waiting == 0) return;
      const std::source_location& where = first_waiting(w * warp, State::at_warp);
      for (int i = 0; i < warp; ++i) {
        Fiber& fiber = fibers_[w * warp + i];
        if (fiber.state != State::at_warp || fiber.waits_at.line() != where.line())
          fault("a shuffle that not all lanes of the warp come to", where, w * warp + i);
        released_[w][i] = fiber.word;
        fiber.state = State::ready;
      }
    }
  }

  // False when all threads are done.
  bool pass_block_barrier() {
    int waiting = 0, any = 0;
    for (int t = 0; t < threads_; ++t) {
      waiting += fibers_[t].state == State::at_block;
      any |= fibers_[t].value;
    }
    if (waiting == 0) return false;
    const std::source_location& where = first_waiting(0, State::at_block);
    for (int t = 0; t < threads_; ++t) {
      if (fibers_[t].state != State::at_block || fibers_[t].waits_at.line() != where.line())
        fault("a barrier that not all threads of the block come to", where, t);
      fibers_[t].state = State::ready;
    }
    barrier_value_ = any;
    return true;
  }

  const std::source_location& first_waiting(int from, State state) const {
    while (fibers_[from].state != state) ++from;
    return fibers_[from].waits_at;
  }

  [[noreturn]] void fault(const std::string& what, const std::source_location& where, int thread) {
    const bool left = fibers_[thread].state == State::done;
    for (Fiber& fiber : fibers_) fiber.started = false;  // abandoned where they stand: kernels hold nothing to destroy
    throw Fault(what + " (" + where.file_name() + ":" + std::to_string(where.line()) + "): thread " + std::to_string(thread) +
                (left ? " has left" : " waits elsewhere"));
  }

  std::vector<Fiber> fibers_;
  std::vector<std::array<std::uint64_t, warp>> released_;
  const std::function<void()>* thread_ = nullptr;
  int threads_ = 0, current_ = 0, barrier_value_ = 0;
  jmp_buf scheduler_{};
};

thread_local Machine machine;
thread_local cudaError_t next_error = cudaSuccess;
thread_local int calls_before_error = 0;
thread_local std::int64_t blocks = 0;
std::atomic<std::int64_t> allocations = 0;

void Machine::enter() {
  while (true) {
    (*machine.thread_)();
    machine.stop(State::done, std::source_location::current());
  }
}

constexpr double guard = -7.25e77;

}  // namespace

void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread) {
  if (shared_bytes > most_shared_bytes) throw Fault("more dynamic shared memory than a block can have");
  double* shared = ergon::cuda::shared_words;
  const std::size_t words = (shared_bytes + sizeof(double) - 1) / sizeof(double);
  gridDim = grid;
  blockDim = block;
  for (unsigned b = 0; b < grid.x; ++b) {
    blockIdx = dim3(b);
    ++blocks;
    std::memset(shared, 0xff, words * sizeof(double));  // not-a-number in float and double
    for (std::size_t i = 0; i < ergon::cuda::guard_words; ++i) shared[words + i] = guard;
    machine.run_block(static_cast<int>(block.x), thread);
    for (std::size_t i = 0; i < ergon::cuda::guard_words; ++i)
      if (shared[words + i] != guard) throw Fault("a write behind the dynamic shared memory of " + std::to_string(shared_bytes) + " bytes");
  }
}

int block_barrier(int value, std::source_location where) { return machine.wait_for_block(value, where); }

std::uint64_t warp_exchange(std::uint64_t mine, int lane, std::source_location where) { return machine.exchange(mine, lane, where); }

OrderScope::OrderScope(Order order) : before_(machine.order) { machine.order = order; }
OrderScope::~OrderScope() { machine.order = before_; }

void plan_error(cudaError_t error, int calls) {
  next_error = error;
  calls_before_error = calls;
}

cudaError_t planned_error() {
  if (next_error == cudaSuccess || calls_before_error-- > 0) return cudaSuccess;
  const cudaError_t error = next_error;
  next_error = cudaSuccess;
  return error;
}

cudaError_t allocate(void** result, std::size_t bytes) {
  if (const cudaError_t error = planned_error(); error != cudaSuccess) return error;
  *result = std::malloc(bytes);
  std::memset(*result, 0xff, bytes);
  ++allocations;
  return cudaSuccess;
}

void release(void* memory) {
  std::free(memory);
  --allocations;
}

std::int64_t live_allocations() { return allocations; }
std::int64_t blocks_run() { return blocks; }

}  // namespace emulation

const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return "out of memory";
  return error == cudaErrorLaunchFailure ? "unspecified launch failure" : "invalid argument";
}
