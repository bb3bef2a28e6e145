// SPDX-License-Identifier: Apache-2.0
// `ergon launch`: starts the ranks of a run here, over hosts, or as a job of Slurm, by what [launch] of its file says.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/names.hpp"
#include "configs/parse.hpp"
#include "launch/child_process.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/doctor/machine.hpp"
#include "launch/jobs/host_file.hpp"
#include "launch/jobs/job_script.hpp"
#include "launch/jobs/launch_plan.hpp"
#include "launch/jobs/mpirun_line.hpp"
#include "launch/jobs/shell_words.hpp"
#include "launch/jobs/slurm.hpp"
#include "launch/runs/run_status.hpp"
#include "parallel/plan/elastic_mesh.hpp"
#include "parallel/plan/refusals.hpp"
#include "trainer/storage.hpp"

extern char** environ;

namespace ergon {
namespace {

struct LaunchLine {
  std::string file, hosts, partition, account, time;
  std::vector<std::string> overrides;
  std::int64_t local = 0, nodes = 0, gpus_per_node = 0, fit = 0;
  bool mpirun = false, slurm = false, array = false, restart = false, dry_run = false, json = false;
};

bool parse_line(int argc, char** argv, LaunchLine& line) {
  CommandLine command(
      "ergon launch",
      "Starts the ranks of a run: on this machine, over hosts, or as a job of Slurm. [launch] of the run file says it all; options win.");
  command.positional(line.file, "RUN.toml", "the run file");
  command.rest(line.overrides, "KEY=VALUE", "keys of the run file, after it: launch.nodes=4");
  command.option(line.local, "--local", "N", "N ranks on this machine, by mpirun");
  command.flag(line.mpirun, "--mpirun", "ranks over hosts, by mpirun; with --slurm: launch.ranks_by = \"mpirun\"");
  command.option(line.hosts, "--hosts", "FILE", "launch.hosts: a hostfile, a line a host: node0 slots=8");
  command.flag(line.slurm, "--slurm", "a batch job");
  command.option(line.nodes, "--nodes", "N", "launch.nodes");
  command.option(line.gpus_per_node, "--gpus-per-node", "G", "launch.gpus_per_node");
  command.option(line.partition, "--partition", "P", "launch.partition");
  command.option(line.time, "--time", "T", "launch.time: \"4 h\"");
  command.option(line.account, "--account", "A", "launch.account");
  command.flag(line.array, "--array", "launch.comeback = \"array\": a job goes on as the next task of an array");
  command.flag(line.restart, "--restart", "as of ergon train: a run that was killed before its first checkpoint begins again");
  command.option(line.fit, "--fit", "N", "only print how many of N ranks an elastic run takes (for the scripts of jobs)");
  command.flag(line.dry_run, "--dry-run", "only print what would run");
  command.flag(line.json, "--json", "print JSON, schema ergon.launch.v1");
  command.footer(
      "Examples:\n  ergon launch run.toml --local 4\n  ergon launch run.toml --mpirun --hosts hosts.txt\n  ergon launch run.toml --slurm "
      "--nodes 4 "
      "--gpus-per-node 8 --time '12 h' --dry-run\n\nScripts are kept in RUN/launch, what ranks print in RUN/logs (ergon logs RUN --rank "
      "R).\n");
  return command.parse(argc, argv);
}

// Options are keys of the run file under shorter names.
std::vector<std::string> keys_of(const LaunchLine& line) {
  if (line.local > 0 && (line.mpirun || line.slurm))
    throw Error("--local excludes --mpirun and --slurm", "ergon launch", "give one, or launch.with in the run file");
  std::vector<std::string> keys = line.overrides;
  const auto add = [&](const std::string& key, const std::string& value) {
    if (!value.empty() && value != "0") keys.push_back("launch." + key + "=" + value);
  };
  add("with", line.local > 0 ? "local" : line.slurm ? "slurm" : line.mpirun ? "mpirun" : "");
  add("ranks_by", line.slurm && line.mpirun ? "mpirun" : "");
  add("hosts", line.hosts);
  add("nodes", std::to_string(line.nodes));
  add("gpus_per_node", std::to_string(line.gpus_per_node));
  add("partition", line.partition);
  add("time", line.time);
  add("account", line.account);
  add("comeback", line.array ? "array" : "");
  return keys;
}

std::string stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  return text;
}

// How long a save of this run takes, at most: twice the longest so far, 15 s before there was one. mpirun waits that out twice at each end
// that is not 0, so it is not more than a save may need.
Seconds save_allowance(const std::string& folder) {
  Seconds longest = {0};
  if (std::filesystem::is_directory(folder)) longest = read_run_status(folder).longest_save;
  return {longest.value > 0 ? std::max(5.0, 2 * longest.value) : 15.0};
}

std::vector<std::string> exported_names() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name(*entry, std::string_view(*entry).find('='));
    if (name.starts_with("NCCL_") || name.starts_with("ERGON_")) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::vector<Host> hosts_of(const LaunchSection& launch) {
  if (launch.with != LaunchWith::mpirun || launch.hosts.empty()) return {};
  return read_host_file(launch.hosts);
}

// A script that people may read and run again.
std::string keep_script(const LaunchPlan& plan, const std::string& name, const std::string& text) {
  Storage storage;
  storage.make_directories(plan.folder + "/launch");
  storage.make_directories(plan.folder + "/logs");
  const std::string path = std::filesystem::absolute(plan.folder + "/launch/" + name).lexically_normal().string();
  storage.write_text(path, text);
  ::chmod(path.c_str(), 0755);
  return path;
}

nlohmann::json described(const LaunchPlan& plan) {
  return {{"schema", "ergon.launch.v1"}, {"with", choice_name(plan.launch.with)}, {"run", plan.folder}, {"ranks", plan.ranks},
          {"nodes", plan.launch.nodes},  {"ranks_per_node", plan.ranks_per_node}};
}

void follow(const LaunchPlan& plan) {
  const std::string run = shell_word(plan.folder);
  fmt::print(stderr, "follow it with: ergon status {0}, ergon watch {0}, ergon logs {0} --rank 0 -f\nend it with: ergon stop {0}\n", run);
}

int launch_mpirun(const LaunchPlan& plan, const LaunchLine& line) {
  const Launcher launcher = probe_launcher();
  if (std::getenv("SLURM_JOB_ID") != nullptr)
    fmt::print(stderr, "note: mpirun inside an allocation of Slurm ends with its nodes; --slurm makes a job that survives preemption\n");
  MpirunFacts facts;
  facts.cores = usable_cores();
  facts.save = save_allowance(plan.folder);
  facts.logs = plan.folder + "/logs/" + stamp();
  facts.environment = exported_names();
  const std::vector<std::string> words = mpirun_words(plan, facts);
  if (line.json) {
    nlohmann::json text = described(plan);
    text["line"] = words;
    std::cout << text.dump(2) << '\n' << std::flush;
  } else {
    std::cout << shell_line(words) << '\n' << std::flush;
  }
  if (line.dry_run) return 0;
  require_mpirun(launcher);
  keep_script(plan, "mpirun.sh", mpirun_script(plan, facts, std::filesystem::current_path().string()));
  follow(plan);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());  // signals then reach mpirun itself
  throw Error("mpirun could not be started", launcher.mpirun, "", ExitCode::world);
}

// One job a run: a second one would wait for the first one's lock, and end with 3.
void check_no_job(const LaunchPlan& plan) {
  if (!std::filesystem::is_directory(plan.folder)) return;
  const std::string before = read_run_status(plan.folder).job;
  const auto job = before.empty() ? std::nullopt : slurm_job(before);
  if (job && job->in_queue())
    throw Error(fmt::format("job {} of this run is {}", before, job->state), plan.folder,
                "ergon stop ends it; another run wants another run.folder", ExitCode::data);
}

int launch_slurm(const LaunchPlan& plan, const LaunchLine& line) {
  const std::string path = std::filesystem::absolute(plan.folder + "/launch/job.sh").lexically_normal().string();
  const std::string script = job_script(plan, {std::filesystem::current_path().string(), path});
  if (line.dry_run) {
    if (line.json) {
      nlohmann::json text = described(plan);
      text["script"] = script;
      std::cout << text.dump(2) << '\n' << std::flush;
    } else {
      std::cout << script << "\n# submitted with: sbatch " << shell_word(path) << '\n' << std::flush;
    }
    return 0;
  }
  check_no_job(plan);
  keep_script(plan, "job.sh", script);
  const auto answer = output_within({60}, {"sbatch", "--parsable", path});
  if (!answer)
    throw Error("sbatch has not taken the job", path, "see what it says above; without Slurm use --local or --mpirun", ExitCode::world);
  const std::string job = answer->substr(0, answer->find_first_of(";\n"));
  remember_job(plan.folder, job);
  if (line.json) {
    nlohmann::json text = described(plan);
    text["script"] = path;
    text["job"] = job;
    std::cout << text.dump(2) << '\n' << std::flush;
  } else {
    std::cout << fmt::format("job {} submitted: {}\n", job, path) << std::flush;
  }
  follow(plan);
  return 0;
}

}  // namespace

int command_launch(int argc, char** argv) {
  LaunchLine line;
  if (!parse_line(argc, argv, line)) return 0;
  const std::vector<std::string> keys = keys_of(line);
  RunConfig config = parse_run_config(line.file, keys);
  if (line.fit > 0) {
    std::cout << fit_mesh(config, line.fit).ranks() << '\n' << std::flush;
    return 0;
  }
  LaunchPlan plan = plan_launch(config, line.file, keys, own_path(), hosts_of(config.launch));
  if (line.local > 0 && line.local != plan.ranks) {
    if (!plan.elastic)
      throw Error(fmt::format("the mesh has {} ranks, --local asks for {}", plan.ranks, line.local), "--local",
                  "change mesh.dp, or set launch.min_nodes = 1: dp then follows the ranks", ExitCode::world);
    plan.ranks = line.local;
    config = on_mesh(config, fit_mesh(config, line.local));
  }
  check_plan(config, 0);
  plan.restart = line.restart;
  if (line.restart && config.launch.with != LaunchWith::slurm) plan.train.push_back("--restart");
  return config.launch.with == LaunchWith::slurm ? launch_slurm(plan, line) : launch_mpirun(plan, line);
}

}  // namespace ergon
