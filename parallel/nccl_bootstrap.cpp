// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_bootstrap.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstring>

#include "parallel/nccl_error.hpp"

namespace ergon {
namespace {

constexpr std::int64_t silent = -1;
// Ranks come to the limit together: how long one then waits for what the others have to tell.
constexpr Clock::duration grace = std::chrono::seconds(2);

// How the start ended on every rank, by messages from each to each: the ranks cannot meet in a collective, because one that NCCL holds up
// must hear of the others' failure.
class Outcomes {
 public:
  explicit Outcomes(Communicator& host) : host_(host) {
    for (int rank = 0; rank < host.size(); ++rank) {
      results_.push_back(at::full({1}, silent, at::kLong));
      receives_.push_back(rank == host.rank() ? Work() : host.recv(results_.back(), rank));
    }
  }

  void tell(std::int64_t result) {
    mine_ = at::full({1}, result, at::kLong);
    results_[static_cast<std::size_t>(host_.rank())].copy_(mine_);
    for (int rank = 0; rank < host_.size(); ++rank)
      if (rank != host_.rank()) sends_.push_back(host_.send(mine_, rank));
  }

  bool all_told() {
    bool all = true;
    for (Work& work : receives_) all &= work.query();
    for (Work& work : sends_) all &= work.query();
    return all;
  }

  // `silent` where a rank has not told yet.
  std::int64_t of(int rank) {
    const auto r = static_cast<std::size_t>(rank);
    if (rank != host_.rank() && !receives_[r].query()) return silent;
    return results_[r].const_data_ptr<std::int64_t>()[0];
  }

  bool somebody_failed() {
    for (int rank = 0; rank < host_.size(); ++rank)
      if (of(rank) != silent && of(rank) != ERGON_NCCL_SUCCESS) return true;
    return false;
  }

  // "0, 2" for the ranks that hold `result`.
  std::string ranks_with(std::int64_t result) {
    std::string text;
    for (int rank = 0; rank < host_.size(); ++rank)
      if (of(rank) == result) text += fmt::format("{}{}", text.empty() ? "" : ", ", rank);
    return text;
  }

 private:
  Communicator& host_;
  at::Tensor mine_;
  std::vector<at::Tensor> results_;
  std::vector<Work> receives_, sends_;
};

// What rank 0's ncclGetUniqueId returned goes along, so that its failure is everybody's.
ErgonNcclId agreed_id(const NcclContext& context, Communicator& host, const std::string& group) {
  ErgonNcclId id{};
  at::Tensor data = at::zeros({ERGON_NCCL_ID_BYTES + 1}, at::kByte);
  auto* bytes = data.mutable_data_ptr<std::uint8_t>();
  if (host.rank() == 0) {
    bytes[ERGON_NCCL_ID_BYTES] = static_cast<std::uint8_t>(context.nccl().get_unique_id(&id));
    std::memcpy(bytes, id.bytes, sizeof id.bytes);
  }
  host.broadcast(data, 0).wait();
  if (bytes[ERGON_NCCL_ID_BYTES] != ERGON_NCCL_SUCCESS)
    throw nccl_error(context.nccl(), bytes[ERGON_NCCL_ID_BYTES], nullptr, "ncclGetUniqueId on rank 0", group, ExitCode::world);
  std::memcpy(id.bytes, bytes, sizeof id.bytes);
  return id;
}

Error silence(Outcomes& outcomes, const NcclContext& context, const std::string& group) {
  const std::string dead = outcomes.ranks_with(silent), held = outcomes.ranks_with(ERGON_NCCL_IN_PROGRESS);
  return Error(fmt::format("NCCL did not start within {} s: {}", context.limits().start.value,
                           dead.empty() ? "it holds up ranks " + held : "nothing was heard of ranks " + dead),
               group, "a rank is dead, or cannot be reached over the network: see its log; NCCL_DEBUG=INFO shows the interface",
               ExitCode::stuck);
}

// One attempt. Success, or the result that decides for all: a fatal one before one that may pass.
int attempt(NcclComm& comm, const NcclContext& context, Communicator& host, const std::string& group, std::string& ranks) {
  const Clock::time_point deadline = deadline_after(context.limits().start);
  const ErgonNcclId id = agreed_id(context, host, group);
  Outcomes outcomes(host);
  int mine = comm.start(
      [&](ErgonNcclComm* made) { return context.nccl().comm_init_rank(made, host.size(), &id, host.rank(), comm.group().c_str()); });
  while (mine == ERGON_NCCL_IN_PROGRESS && !outcomes.somebody_failed() && Clock::now() < deadline) {
    mine = comm.state();
    std::this_thread::yield();
  }
  outcomes.tell(mine);
  while (!outcomes.all_told()) {
    if (Clock::now() > deadline + grace) throw silence(outcomes, context, group);
    std::this_thread::yield();
  }
  int worst = ERGON_NCCL_SUCCESS;
  for (int rank = 0; rank < host.size(); ++rank) {
    const auto result = static_cast<int>(outcomes.of(rank));
    if (fault_of(result) > fault_of(worst)) worst = result;
  }
  if (worst == ERGON_NCCL_SUCCESS && !outcomes.ranks_with(ERGON_NCCL_IN_PROGRESS).empty()) throw silence(outcomes, context, group);
  ranks = outcomes.ranks_with(worst);
  return worst;
}

}  // namespace

std::unique_ptr<NcclComm> start_nccl(const std::shared_ptr<NcclContext>& context, Communicator& host, const std::string& group) {
  Seconds pause = context->limits().back_off;
  for (int number = 1;; ++number) {
    auto comm = std::make_unique<NcclComm>(context, group);
    std::string ranks;
    const int worst = attempt(*comm, *context, host, group, ranks);
    if (worst == ERGON_NCCL_SUCCESS) return comm;
    const Error error = nccl_error(context->nccl(), worst, nullptr, "ncclCommInitRankConfig", group, ExitCode::world);
    comm->abort();
    if (fault_of(worst) != NcclFault::transient || number == context->limits().attempts)
      throw Error(fmt::format("{}, on ranks {} of {}{}", error.problem(), ranks, host.size(),
                              number > 1 ? fmt::format(", in {} attempts", number) : ""),
                  group, error.hint(), ExitCode::world);
    std::this_thread::sleep_for(clock_ticks(pause));
    pause.value *= 2;
  }
}

}  // namespace ergon
