// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_fitness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "accounting/report/figures.hpp"

namespace ergon {
namespace {

const char* plural(std::int64_t count) { return count == 1 ? "" : "s"; }

// Processors that the ranks of a host may use together.
std::int64_t processors_of(const ExaminedJob& job, const std::string& host) {
  std::set<int> all;
  std::int64_t quota = 0;
  for (const RankFacts& rank : job.ranks) {
    if (rank.host != host) continue;
    all.insert(rank.processors.begin(), rank.processors.end());
    quota = std::max(quota, rank.quota);
  }
  const auto count = static_cast<std::int64_t>(all.size());
  return quota > 0 ? std::min(quota, count) : count;
}

Bytes memory_of(const ExaminedJob& job, const std::string& host) {
  Bytes most = {0};
  for (const RankFacts& rank : job.ranks)
    if (rank.host == host) most = std::max(most, rank.memory_available);
  return most;
}

std::int64_t ranks_of(const ExaminedJob& job, const std::string& host) {
  return std::ranges::count_if(job.ranks, [&](const RankFacts& rank) { return rank.host == host; });
}

std::optional<Finding> too_many_ranks(const ExaminedJob& job, const RankFacts& rank) {
  if (!rank.binding_problem.empty()) return Finding{"cores", Condition::broken, rank.binding_problem, rank.binding_cure};
  const std::int64_t ranks = ranks_of(job, rank.host), processors = processors_of(job, rank.host), threads = job.needs.threads;
  if (ranks * threads <= processors) return std::nullopt;
  return Finding{
      "cores", Condition::poor,
      fmt::format("{} rank{} of {} thread{} on {} processor{} of a node", ranks, plural(ranks), threads, plural(threads), processors,
                  plural(processors)),
      "start fewer ranks a node or lower run.threads; ask the launcher for more (--cpus-per-task, --bind-to none); where they must "
      "share, OMPI_MCA_mpi_yield_when_idle=1"};
}

std::optional<Finding> missing_gpu(const ExaminedJob& job, const RankFacts& rank) {
  if (!rank.gpu.empty()) return std::nullopt;
  const bool elsewhere = std::ranges::any_of(job.ranks, [](const RankFacts& other) { return !other.gpu.empty(); });
  if (!job.needs.cuda && !elsewhere) return std::nullopt;  // launch/doctor/diagnosis says what each machine lacks
  return Finding{"gpu", job.needs.cuda ? Condition::broken : Condition::poor,
                 rank.gpu_problem.empty() ? std::string("none") : rank.gpu_problem, rank.gpu_cure};
}

std::vector<JobFinding> shared_gpus(const ExaminedJob& job) {
  std::vector<JobFinding> findings;
  for (const RankGroup& group :
       ranks_by(job.ranks, [](const RankFacts& rank) { return rank.gpu.empty() ? "" : rank.host + " " + rank.gpu; }))
    if (!group.text.empty() && group.ranks.size() > 1)
      findings.push_back({{"gpu", job.needs.cuda ? Condition::broken : Condition::poor, "the same device, " + group.text,
                           "start one rank a device: mpirun -N, srun --gpus-per-node, and look at CUDA_VISIBLE_DEVICES"},
                          group.ranks});
  return findings;
}

// Free memory of a rank's device, all of it where that is unknown. A run has nearly as much: this rank's CUDA context is there already.
Bytes room_of(const RankFacts& rank) { return rank.gpu_memory.free.value > 0 ? rank.gpu_memory.free : rank.gpu_memory.total; }

std::optional<Finding> full_gpu(const ExaminedJob& job, const RankFacts& rank) {
  const auto ranks =
      std::ranges::count_if(job.ranks, [&](const RankFacts& other) { return other.host == rank.host && other.gpu == rank.gpu; });
  const Bytes wanted = job.needs.state * ranks, room = room_of(rank);
  if (room.value == 0 || wanted <= room) return std::nullopt;
  // Stages of a pipeline differ: it is certain where no device has room for the average, or this one by half too little.
  const Bytes best = room_of(*std::ranges::max_element(job.ranks, {}, [](const RankFacts& other) { return room_of(other).value; }));
  const bool certain = job.needs.equal_parts || job.needs.state > best || wanted.value / 2 > room.value;
  const bool occupied = wanted <= rank.gpu_memory.total;
  return Finding{"state", certain ? Condition::broken : Condition::poor,
                 fmt::format("parameters and moments alone take about {} of a device, and {} of {} are free", rounded_bytes(wanted),
                             rounded_bytes(room), rounded_bytes(rank.gpu_memory.total)),
                 occupied ? std::string("see by nvidia-smi which program holds the rest, and end it")
                          : std::string("spread the model over more devices: mesh.tp, mesh.pp, mesh.zero")};
}

bool is_below(std::int64_t limit, std::int64_t wanted) { return limit >= 0 && limit < wanted; }

// A rank that trains was seen to need 24 files among neighbours; each peer on another node may be a connection.
std::optional<Finding> few_files(const ExaminedJob& job, const RankFacts& rank) {
  const auto ranks = static_cast<std::int64_t>(job.ranks.size()), elsewhere = ranks - ranks_of(job, rank.host);
  const std::int64_t limit = rank.limits.open_files, needed = 32 + elsewhere, wanted = std::max<std::int64_t>(1024, 128 + 2 * ranks);
  if (!is_below(limit, wanted)) return std::nullopt;
  const std::string peers = elsewhere > 0 ? fmt::format(", with {} rank{} on other nodes,", elsewhere, plural(elsewhere)) : "";
  return Finding{"limits", limit < needed ? Condition::broken : Condition::poor,
                 limit < needed ? fmt::format("{} open files; a rank{} needs {}", limit, peers, needed)
                                : fmt::format("{} open files; {} leave room", limit, wanted),
                 "ulimit -n 4096 where the ranks are started (nofile in limits.conf; LimitNOFILE of slurmd)"};
}

std::optional<Finding> low_limit(const ExaminedJob& job, const RankFacts& rank) {
  const ProcessLimits& limits = rank.limits;
  const std::int64_t threads = rank.local.size * (job.needs.threads + 16);
  const std::optional<Finding> files = few_files(job, rank);
  if (files && files->condition == Condition::broken) return files;
  if (is_below(limits.processes, threads))
    return Finding{"limits", Condition::broken,
                   fmt::format("{} processes and threads; the ranks of a node want {}", limits.processes, threads),
                   "ulimit -u, or nproc in limits.conf"};
  if (is_below(limits.stack.value, 1 << 20))
    return Finding{"limits", Condition::broken, fmt::format("a stack of {}", rounded_bytes(limits.stack)), "ulimit -s 8192"};
  if (rank.infiniband && is_below(limits.locked_memory.value, std::int64_t{1} << 30))
    return Finding{"limits", Condition::poor,
                   fmt::format("{} of locked memory; InfiniBand wants it without limit", rounded_bytes(limits.locked_memory)),
                   "ulimit -l unlimited (memlock in limits.conf; LimitMEMLOCK of slurmd)"};
  return files;
}

std::string limit_text(std::int64_t limit) { return limit < 0 ? "unlimited" : fmt::format("{}", limit); }
std::string limit_text(Bytes limit) { return limit.value < 0 ? "unlimited" : rounded_bytes(limit); }

}  // namespace

std::vector<JobFinding> judge_cores(const ExaminedJob& job) {
  std::vector<JobFinding> findings = about_each(job.ranks, [&](const RankFacts& rank) { return too_many_ranks(job, rank); });
  if (findings.empty())
    findings.push_back({{"cores", Condition::good,
                         fmt::format("{} thread{} a rank, each with a processor", job.needs.threads, plural(job.needs.threads)), ""}});
  return findings;
}

std::vector<JobFinding> judge_state(const ExaminedJob& job) {
  if (job.needs.state.value == 0) return {};
  if (job.needs.cuda && std::ranges::none_of(job.ranks, [](const RankFacts& rank) { return room_of(rank).value > 0; })) return {};
  std::vector<JobFinding> findings = about_each(job.ranks, [&](const RankFacts& rank) -> std::optional<Finding> {
    if (job.needs.cuda) return full_gpu(job, rank);
    const Bytes wanted = job.needs.state * ranks_of(job, rank.host), free = memory_of(job, rank.host);
    if (wanted <= free) return std::nullopt;
    // Ranks hold different parts: by half too much is the whole of some node.
    return Finding{
        "state", wanted.value / 2 > free.value ? Condition::broken : Condition::poor,
        fmt::format("parameters and moments alone take about {} of a node, and {} are free", rounded_bytes(wanted), rounded_bytes(free)),
        "spread the model: mesh.tp, mesh.pp, mesh.zero, or more nodes with fewer ranks each"};
  });
  if (findings.empty())
    findings.push_back(
        {{"state", Condition::good, fmt::format("about {} a rank for parameters and moments", rounded_bytes(job.needs.state)), ""}});
  return findings;
}

std::vector<JobFinding> judge_checkpoints(const ExaminedJob& job) {
  const RunNeeds& needs = job.needs;
  if (needs.checkpoint.value == 0) return {};
  std::vector<FolderView> views;  // of ranks that have the folder; judge_folder names the others
  for (const RankFacts& rank : job.ranks)
    if (rank.folder.there) views.push_back(rank.folder);
  if (views.empty()) return {};
  const FolderView& view = *std::ranges::min_element(views, {}, &FolderView::free);
  const std::string found = fmt::format("about {} each, {} together; {} free in {}", rounded_bytes(needs.checkpoint), needs.checkpoints,
                                        rounded_bytes(view.free), view.path);
  if (view.free < needs.checkpoint)
    return {{{"checkpoints", Condition::broken, found, "not one fits: make room, or set run.folder to another file system"}}};
  if (view.free < needs.checkpoint * needs.checkpoints)
    return {{{"checkpoints", Condition::poor, found, "they do not all fit: make room or lower checkpoint.keep"}}};
  return {{{"checkpoints", Condition::good, found, ""}}};
}

std::vector<JobFinding> judge_gpus(const ExaminedJob& job) {
  std::vector<JobFinding> findings = about_each(job.ranks, [&](const RankFacts& rank) { return missing_gpu(job, rank); });
  std::ranges::move(shared_gpus(job), std::back_inserter(findings));
  if (findings.empty() && !job.ranks.front().gpu.empty()) findings.push_back({{"gpu", Condition::good, "a device for each rank", ""}});
  return findings;
}

std::vector<JobFinding> judge_products(const ExaminedJob& job) {
  std::vector<JobFinding> findings;
  for (const bool on_gpu : {false, true}) {
    std::vector<double> rates;
    for (const RankFacts& rank : job.ranks)
      if (rank.gpu.empty() != on_gpu && rank.products.value > 0) rates.push_back(rank.products.value);
    if (rates.empty()) continue;
    std::ranges::sort(rates);
    const double usual = rates[rates.size() / 2], peak = on_gpu && job.needs.peak ? job.needs.peak->rate.value : 0;
    for (const RankFacts& rank : job.ranks) {
      const double rate = rank.products.value;
      if (rank.gpu.empty() == on_gpu || rate == 0 || (rate >= usual / 2 && rate >= 0.4 * peak)) continue;
      findings.push_back({{"products", Condition::poor,
                           fmt::format("{} on {}; the median is {}{}", flops_text(rank.products), rank.host, flops_text({usual}),
                                       peak > 0 ? fmt::format(", the peak {}", flops_text({peak})) : ""),
                           "the slowest rank sets the pace: see whether another program, heat or a power limit holds its processor back"},
                          {rank.rank}});
    }
    if (findings.empty())
      findings.push_back({{"products", Condition::good,
                           fmt::format("{} {}, the slowest {}{}", on_gpu ? "bfloat16" : "float32", flops_text({usual}),
                                       flops_text({rates[0]}), peak > 0 ? fmt::format(", {} of the peak", percent(usual / peak)) : ""),
                           ""}});
  }
  return findings;
}

std::vector<JobFinding> judge_limits(const ExaminedJob& job) {
  std::vector<JobFinding> findings = about_each(job.ranks, [&](const RankFacts& rank) { return low_limit(job, rank); });
  if (!findings.empty()) return findings;
  const ProcessLimits& limits = job.ranks.front().limits;
  return {
      {{"limits", Condition::good,
        fmt::format("open files {}, processes {}, locked memory {}, stack {}, core files {}", limit_text(limits.open_files),
                    limit_text(limits.processes), limit_text(limits.locked_memory), limit_text(limits.stack), limit_text(limits.core_file)),
        ""}}};
}

std::string flops_text(FlopsPerSecond rate) {
  if (rate.value <= 0) return "-";
  if (rate.value < 1e12) return fmt::format("{:.1f} GFLOP/s", rate.value / 1e9);
  return rate.value < 1e15 ? fmt::format("{:.1f} TFLOP/s", rate.value / 1e12) : fmt::format("{:.2f} PFLOP/s", rate.value / 1e15);
}

}  // namespace ergon
