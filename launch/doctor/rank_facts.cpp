// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/rank_facts.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "configs/error.hpp"
#include "launch/binding.hpp"
#include "launch/build_info.hpp"
#include "launch/identity.hpp"
#include "parallel/process_identity.hpp"
#include "parallel/started_ranks.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

std::vector<int> allowed_processors() {
  cpu_set_t set;
  std::vector<int> processors;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return processors;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) processors.push_back(i);
  return processors;
}

int domain_of(const std::vector<int>& processors) {
  std::error_code none;
  for (int domain = 0; std::filesystem::exists(fmt::format("/sys/devices/system/node/node{}", domain), none); ++domain) {
    std::ifstream file(fmt::format("/sys/devices/system/node/node{}/cpulist", domain));
    std::string text;
    std::getline(file, text);
    const std::vector<int> members = parse_processor_list(text);
    if (!processors.empty() && std::ranges::includes(members, processors)) return domain;
  }
  return -1;
}

void bind(RankFacts& facts, Binding how) {
  const std::vector<int> before = allowed_processors();
  const std::int64_t usable = usable_cores();
  if (usable < static_cast<std::int64_t>(before.size())) facts.quota = usable;
  try {
    bind_rank(facts.local, how);
  } catch (const Error& error) {
    facts.binding_problem = error.problem();
    facts.binding_cure = error.hint();
  }
  facts.processors = allowed_processors();
  facts.domain = domain_of(facts.processors);
}

bool has_mixed_fences() {
  const char* fence = std::getenv("SLURM_PMIX_FENCE");
  const std::string kind = fence == nullptr ? "" : fence;
  return started_ranks().launcher == "Slurm" && (kind.empty() || kind == "mixed");
}

Json to_json(const Finding& finding) {
  return {{"part", finding.part}, {"verdict", name(finding.condition)}, {"found", finding.found}, {"cure", finding.cure}};
}

Condition condition_of(const std::string& word) {
  for (const Condition condition : {Condition::good, Condition::note, Condition::poor})
    if (word == name(condition)) return condition;
  return Condition::broken;
}

Finding finding_from(const Json& json) { return {json.at("part"), condition_of(json.at("verdict")), json.at("found"), json.at("cure")}; }

Json to_json(const ProcessLimits& limits) {
  return {{"open_files", limits.open_files},
          {"processes", limits.processes},
          {"locked_memory", limits.locked_memory.value},
          {"stack", limits.stack.value},
          {"core_file", limits.core_file.value}};
}

ProcessLimits limits_from(const Json& json) {
  return {json.at("open_files"),
          json.at("processes"),
          {json.at("locked_memory").get<std::int64_t>()},
          {json.at("stack").get<std::int64_t>()},
          {json.at("core_file").get<std::int64_t>()}};
}

Json to_json(const FolderView& view) {
  return {{"path", view.path},       {"there", view.there},         {"problem", view.problem}, {"sees", view.sees},
          {"is_seen", view.is_seen}, {"waited", view.waited.value}, {"free", view.free.value}};
}

FolderView folder_from(const Json& json) {
  return {json.at("path"),
          json.at("there"),
          json.at("problem"),
          json.at("sees"),
          json.at("is_seen"),
          {json.at("waited").get<double>()},
          {json.at("free").get<std::int64_t>()}};
}

Json data_json(const std::vector<DataView>& views) {
  Json list = Json::array();
  for (const DataView& one : views)
    list.push_back({{"key", one.key}, {"path", one.path}, {"problem", one.problem}, {"files", one.files}, {"bytes", one.bytes.value}});
  return list;
}

Json interfaces_json(const std::vector<NetworkInterface>& interfaces) {
  Json list = Json::array();
  for (const NetworkInterface& one : interfaces)
    list.push_back({{"name", one.name}, {"address", one.address}, {"prefix", one.prefix}, {"loopback", one.loopback}});
  return list;
}

}  // namespace

RankFacts own_facts(int rank, LocalRank local, Binding how, const FolderView& folder) {
  RankFacts facts;
  facts.rank = rank;
  facts.local = local;
  facts.host = this_process().host;
  facts.binary = binary_identity();
  facts.file_hash = binary_file_hash();
  facts.processor = cpu_identity();
  bind(facts, how);
  facts.limits = process_limits();
  facts.interfaces = network_interfaces();
  const char* rule = std::getenv("OMPI_MCA_btl_tcp_if_include");
  facts.rule = rule == nullptr ? "" : rule;
  facts.mixed_fences = has_mixed_fences();
  std::error_code none;
  facts.infiniband = std::filesystem::exists("/sys/class/infiniband", none) && !std::filesystem::is_empty("/sys/class/infiniband", none);
  facts.folder = folder;
  Machine machine = probe_machine(local);
  machine.folder = folder.path;
  machine.disk_free = folder.free;
  facts.versions = {{"ergon", build_info::version},   {"mpi", machine.mpi_version},   {"hdf5", machine.hdf5_version},
                    {"torch", machine.torch_version}, {"nccl", machine.nccl_version}, {"cuda", machine.cuda_part}};
  facts.memory_available = machine.memory_available;
  facts.gpus = machine.gpus;
  facts.gpu = machine.gpu_bus;
  facts.gpu_memory = machine.gpu_memory;
  facts.gpu_problem = machine.cuda_problem;
  facts.gpu_cure = machine.cuda_cure;
  facts.machine = diagnose(machine);
  if (!folder.there) std::erase_if(facts.machine, [](const Finding& finding) { return finding.part == "disk"; });  // of no folder
  return facts;
}

Json to_json(const RankFacts& facts) {
  Json findings = Json::array();
  for (const Finding& finding : facts.machine) findings.push_back(to_json(finding));
  return {{"rank", facts.rank},
          {"host", facts.host},
          {"local_rank", facts.local.rank},
          {"local_size", facts.local.size},
          {"binary", facts.binary},
          {"file_sha256", facts.file_hash},
          {"versions", facts.versions},
          {"processor", facts.processor},
          {"processors", facts.processors},
          {"quota", facts.quota},
          {"domain", facts.domain},
          {"binding_problem", facts.binding_problem},
          {"binding_cure", facts.binding_cure},
          {"memory_available", facts.memory_available.value},
          {"limits", to_json(facts.limits)},
          {"interfaces", interfaces_json(facts.interfaces)},
          {"rule", facts.rule},
          {"route", facts.route},
          {"mixed_fences", facts.mixed_fences},
          {"infiniband", facts.infiniband},
          {"gpus", facts.gpus},
          {"gpu", facts.gpu},
          {"gpu_memory", facts.gpu_memory.total.value},
          {"gpu_memory_free", facts.gpu_memory.free.value},
          {"gpu_problem", facts.gpu_problem},
          {"gpu_cure", facts.gpu_cure},
          {"products", facts.products.value},
          {"folder", to_json(facts.folder)},
          {"data", data_json(facts.data)},
          {"clock", {{"ahead", facts.clock.ahead.value}, {"bound", facts.clock.bound.value}}},
          {"machine", findings}};
}

RankFacts rank_facts_from_json(const Json& json) {
  RankFacts facts;
  json.at("rank").get_to(facts.rank);
  json.at("host").get_to(facts.host);
  facts.local = {json.at("local_rank"), json.at("local_size")};
  json.at("binary").get_to(facts.binary);
  json.at("file_sha256").get_to(facts.file_hash);
  json.at("versions").get_to(facts.versions);
  json.at("processor").get_to(facts.processor);
  json.at("processors").get_to(facts.processors);
  json.at("quota").get_to(facts.quota);
  json.at("domain").get_to(facts.domain);
  json.at("binding_problem").get_to(facts.binding_problem);
  json.at("binding_cure").get_to(facts.binding_cure);
  facts.memory_available = {json.at("memory_available").get<std::int64_t>()};
  facts.limits = limits_from(json.at("limits"));
  for (const Json& one : json.at("interfaces"))
    facts.interfaces.push_back({one.at("name"), one.at("address"), one.at("prefix"), one.at("loopback")});
  json.at("rule").get_to(facts.rule);
  json.at("route").get_to(facts.route);
  json.at("mixed_fences").get_to(facts.mixed_fences);
  json.at("infiniband").get_to(facts.infiniband);
  json.at("gpus").get_to(facts.gpus);
  json.at("gpu").get_to(facts.gpu);
  facts.gpu_memory = {{json.at("gpu_memory").get<std::int64_t>()}, {json.at("gpu_memory_free").get<std::int64_t>()}};
  json.at("gpu_problem").get_to(facts.gpu_problem);
  json.at("gpu_cure").get_to(facts.gpu_cure);
  facts.products = {json.at("products").get<double>()};
  facts.folder = folder_from(json.at("folder"));
  for (const Json& one : json.at("data"))
    facts.data.push_back({one.at("key"), one.at("path"), one.at("problem"), one.at("files"), {one.at("bytes").get<std::int64_t>()}});
  facts.clock = {{json.at("clock").at("ahead").get<double>()}, {json.at("clock").at("bound").get<double>()}};
  for (const Json& finding : json.at("machine")) facts.machine.push_back(finding_from(finding));
  return facts;
}

std::vector<int> parse_processor_list(const std::string& text) {
  std::vector<int> processors;
  std::istringstream ranges(text);
  for (std::string range; std::getline(ranges, range, ',');) {
    int first = 0, last = 0;
    const int read = std::sscanf(range.c_str(), "%d-%d", &first, &last);
    for (int i = first; read >= 1 && i <= (read == 2 ? last : first); ++i) processors.push_back(i);
  }
  return processors;
}

}  // namespace ergon
