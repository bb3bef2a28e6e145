// SPDX-License-Identifier: Apache-2.0
// The coverage-guided loop of every fuzz target: fuzz_NAME CORPUS SECONDS [SEED]
//
// Each input of the folder CORPUS is read, then inputs made from them for SECONDS; one that reaches what none did before joins the pool.
// The sources under test are compiled with -fsanitize-coverage=trace-pc, which calls __sanitizer_cov_trace_pc in every basic block. A
// signal, a report of a sanitizer, an exception that is no Error, an input of more than 10 s or more than 2 GiB of memory ends the process
// with 1 and leaves the input as NAME.found in the working folder; it belongs into the corpus once the bug is mended.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/mutator.hpp"
#include "tests/fuzz/target.hpp"

extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace {

constexpr std::size_t places = 1 << 16;
constexpr long most_kilobytes = 2 << 20;
constexpr long least_a_second = 10;  // executions, on the slowest machine that is any use
// By a hash of the block and of the one before it: how often that edge was taken by the input at hand.
std::array<unsigned char, places> taken;
std::size_t before = 0;
// By a hash of the block: whether any input reached it.
std::array<bool, places> reached;

std::string found_name;
const std::string* current = nullptr;

void leave_input() {
  if (current == nullptr) return;
  const int file = ::open(found_name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && ::write(file, current->data(), current->size()) >= 0) ::close(file);
}

extern "C" void on_signal(int number) {
  leave_input();
  const char text[] = "fuzz: a signal; the input is left as *.found\n";
  [[maybe_unused]] const ssize_t written = ::write(2, text, sizeof text - 1);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

// The edges of each input so far, by how often it took them: 1, 2, 3 to 4, ... up to 128 times.
class Coverage {
 public:
  bool is_new() {
    bool found = false;
    for (std::size_t place = 0; place < places; ++place) {
      if (taken[place] == 0) continue;
      unsigned char times = 1;
      while (times < taken[place] && times < 128) times = static_cast<unsigned char>(times * 2);
      if ((seen_[place] & times) != 0) continue;
      edges_ += seen_[place] == 0;
      seen_[place] = static_cast<unsigned char>(seen_[place] | times);
      found = true;
    }
    return found;
  }
  int edges() const { return edges_; }

 private:
  std::array<unsigned char, places> seen_{};
  int edges_ = 0;
};

bool run(const std::string& input, Coverage& coverage) {
  taken.fill(0);
  before = 0;
  current = &input;
  ::alarm(10);
  ergon::fuzz::read(input);
  ::alarm(0);
  current = nullptr;
  return coverage.is_new();
}

std::vector<std::string> read_corpus(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

long peak_kilobytes() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto block = reinterpret_cast<std::size_t>(__builtin_return_address(0));
  const std::size_t here = (block ^ (block >> 16)) % places;
  unsigned char& times = taken[(here ^ before) % places];
  if (times < 255) ++times;
  reached[here] = true;
  before = here >> 1;
}

int main(int count, char** words) {
  if (count < 3) return std::fprintf(stderr, "usage: fuzz_NAME CORPUS SECONDS [SEED]\n"), 2;
  const std::string name = std::filesystem::path(words[0]).filename().string();
  found_name = name + ".found";
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL, SIGALRM}) ::signal(number, on_signal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(leave_input);

  static Coverage coverage;
  std::vector<std::string> pool = read_corpus(words[1]);
  if (pool.empty()) return std::fprintf(stderr, "%s: no corpus in %s\n", name.c_str(), words[1]), 2;
  const std::size_t corpus = pool.size();
  for (const std::string& input : pool) run(input, coverage);
  const int known = coverage.edges();

  ergon::fuzz::Mutator mutate(count > 3 ? std::strtoull(words[3], nullptr, 10) : 1, ergon::fuzz::words());
  long long runs = 0;
  const long seconds = std::atol(words[2]);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end) {
    const std::string input = mutate(pool);
    if (run(input, coverage)) pool.push_back(input);
    ++runs;
    if (peak_kilobytes() <= most_kilobytes) continue;
    current = &input;
    leave_input();
    return std::fprintf(stderr, "%s: %ld KiB of memory\n", name.c_str(), peak_kilobytes()), 1;
  }
  const long blocks = std::count(reached.begin(), reached.end(), true);
  std::printf("fuzz: %-18s %4zu inputs in the corpus, %9lld executions, %5zu kept, %5ld blocks, %5d edges (%d by the corpus), %4ld MiB\n",
              name.c_str(), corpus, runs, pool.size() - corpus, blocks, coverage.edges(), known, peak_kilobytes() >> 10);
  if (blocks < 50) return std::fprintf(stderr, "%s: nothing is instrumented\n", name.c_str()), 1;
  if (runs < least_a_second * seconds) return std::fprintf(stderr, "%s: too few executions in %ld s\n", name.c_str(), seconds), 1;
  return 0;
}
