// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/job_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "launch/jobs/mpirun_line.hpp"
#include "launch/jobs/shell_words.hpp"

namespace ergon {
namespace {

// A `%` of a name of a file is no pattern of Slurm's.
std::string without_patterns(const std::string& path) {
  std::string text;
  for (const char c : path) text += c == '%' ? std::string("%%") : std::string(1, c);
  return text;
}

std::string directive(const std::string& option) { return "#SBATCH " + shell_word(option) + "\n"; }

std::string header(const LaunchPlan& plan, const JobFacts& facts) {
  const LaunchSection& launch = plan.launch;
  const bool array = launch.comeback == Comeback::array;
  const std::string folder = std::filesystem::path(plan.folder).lexically_normal().filename().string();
  std::string text;
  const auto add = [&](const std::string& option) { text += directive(option); };
  const auto given = [&](const char* option, const std::string& value) {
    if (!value.empty()) add(std::string(option) + "=" + value);
  };
  add("--job-name=ergon-" + (folder.empty() ? "run" : folder));
  const std::int64_t least = launch.min_nodes > 0 ? launch.min_nodes : launch.nodes;
  if (least < launch.nodes) {
    add(fmt::format("--nodes={}-{}", least, launch.nodes));
    // Not by tasks: sbatch would make them those of the fewest nodes, and Slurm takes no more nodes than tasks.
    add(fmt::format("--mincpus={}", plan.ranks_per_node * plan.threads));
  } else {
    add(fmt::format("--nodes={}", launch.nodes));
    add(fmt::format("--ntasks-per-node={}", plan.ranks_per_node));
  }
  add(fmt::format("--cpus-per-task={}", plan.threads));
  // By node, not by task: a GPU of its own for each task would hide the others from NCCL's peer-to-peer transport.
  if (launch.gpus_per_node > 0) add(fmt::format("--gpus-per-node={}", launch.gpus_per_node));
  if (launch.time.value > 0) add("--time=" + slurm_time(launch.time));
  add(fmt::format("--signal=B:USR1@{}", static_cast<std::int64_t>(std::ceil(launch.warning.value))));  // a partition has a limit, too
  given("--partition", launch.partition);
  given("--account", launch.account);
  given("--qos", launch.qos);
  given("--constraint", launch.constraint);
  for (const std::string& option : launch.options) add(option);
  if (array) add(fmt::format("--array=1-{}%1", launch.starts));
  add(launch.comeback == Comeback::requeue ? "--requeue" : "--no-requeue");
  add("--open-mode=append");
  add("--chdir=" + facts.working_folder);
  add("--output=" +
      without_patterns(std::filesystem::absolute(facts.working_folder / std::filesystem::path(plan.folder)).lexically_normal().string()) +
      (array ? "/logs/job_%A_%a.out" : "/logs/job_%j.out"));
  return text;
}

std::string surroundings(const LaunchPlan& plan, const JobFacts& facts) {
  const LaunchSection& launch = plan.launch;
  std::string text = "\n# Surroundings of every rank.\n";
  for (const std::string& module : launch.modules) text += "module load " + shell_word(module) + " || exit 4\n";
  text += fmt::format("export OMP_NUM_THREADS={}\n", plan.threads);
  if (!launch.interface.empty()) {
    text += "# One network for Open MPI and NCCL: each would pick its own.\n";
    text += "export OMPI_MCA_btl_tcp_if_include=" + shell_word(launch.interface) + "\n";
    if (launch.interface.find('/') == std::string::npos) text += "export NCCL_SOCKET_IFNAME=" + shell_word("=" + launch.interface) + "\n";
  }
  if (!plan.by_mpirun)
    text +=
        "# By default Slurm collects in two ways what ranks tell each other at their start, and one may overtake the other: a rank that "
        "is\n"
        "# sent a message before it is ready dies.\n"
        "export SLURM_PMIX_FENCE=tree\n";
  for (const std::string& assignment : launch.environment) {
    const std::size_t equals = assignment.find('=');
    text += "export " + assignment.substr(0, equals) + "=" + shell_word(assignment.substr(equals + 1)) + "\n";
  }
  text += "ergon=" + shell_word(plan.program.front()) + "\n";
  text += "run=" + shell_word(plan.folder) + "\n";
  text += fmt::format("starts={}   # of this job, at most\n", launch.starts);
  text += fmt::format("stalled={}   # starts in a row that came no step further; 0: no limit\n", launch.stalled);
  if (launch.comeback == Comeback::chain) text += "script=" + shell_word(facts.script) + "\n";
  return text;
}

constexpr const char* functions = R"sh(
say() { echo "[$(date '+%F %T')] $*"; }

# A request that no rank has read: they look once a step, and none trains between two starts. It is taken away as they would have done, or
# it would end the next submission, too.
stop_asked() {
  [ -e "$run/stop" ] || return 1
  rm -f -- "$run/stop"
  say "asked to stop by $run/stop, which is gone now: the job stays down"
}

# "ATTEMPT CODE" of the newest attempt that has ended; nothing while there is none. result.json is the truth: srun and mpirun lose codes.
# Asked again where a signal has ended it, or a disk does not answer for a moment.
outcome() {
  local try status
  for try in 1 2 3; do
    [ "$try" = 1 ] || sleep 2
    "$ergon" status "$run" --outcome && return 0
    status=$?
  done
  say "ergon status ended with $status: nobody knows here how the ranks have ended" >&2
}

# USR1 asks the ranks to save and end, and again every 5 s: what comes before they hear is passed over. Never TERM: srun answers that by
# killing them.
child='' asked=no asking=''
ask() {
  [ -z "$asking" ] || return 0
  say "signal: the ranks are asked to save and end"
  (trap '' USR1 USR2 TERM; sleep "$1"; while kill -USR1 "$child" 2>/dev/null; do sleep 5; done) >/dev/null 2>&1 &
  asking=$!
}
# shellcheck disable=SC2317  # the trap calls it
hear() {
  asked=yes
  if [ -n "$child" ]; then ask 0; else say "signal: there are no ranks to ask"; fi
}
trap hear USR1 USR2 TERM
)sh";

constexpr const char* running = R"sh(
# False for a job that was cancelled: it saves all the same, and must not come back to life. An empty answer is asked for again:
# slurmctld may be restarting, or a signal has ended scontrol. $why: what was answered in its place.
self=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}
running() {
  local answer try
  for try in 1 2 3 4 5 6; do
    [ "$try" = 1 ] || sleep 10
    answer=$(scontrol -o show job "$self" 2>/dev/null)
    case " $answer " in
      *" JobState=RUNNING "*) return 0;;
      *" JobState="*) answer=${answer#* JobState=}; why="Slurm says that this job is ${answer%% *}"; return 1;;
    esac
  done
  why="Slurm does not answer; if the job does not come back, submit it again"
  return 1
}
)sh";

// Nothing is to go on after a job that stays down: tasks of its array that wait would find the same.
std::string down(const LaunchPlan& plan) {
  return plan.launch.comeback == Comeback::array ? "scancel --state=PENDING \"$SLURM_ARRAY_JOB_ID\"; exit 86" : "exit 86";
}

std::string guard(const LaunchPlan& plan) {
  return R"sh(
# A stop that came too late for the start before, or as it came back.
if stop_asked; then )sh" +
         down(plan) + R"sh(; fi
# A job that comes back again and again, or without a step forward, would burn its allocation. Slurm requeues by itself, too. Starts of
# earlier jobs count for nothing here: who submits anew may have mended what ended them.
if [ "$restarts" -ge "$starts" ]; then say "started $starts times: not again"; )sh" +
         down(plan) + R"sh(; fi
if [ "$stalled" -gt 0 ] && [ "$restarts" -ge "$stalled" ] &&
  [ "$("$ergon" status "$run" --stalled-starts || echo 0)" -ge "$stalled" ]; then
  say "the last $stalled starts came no step further: not started again. Look at $run/logs, mend the cause, submit anew"
  )sh" + down(plan) +
         "\nfi\n";
}

// A signal that comes while a rank still loads its libraries would end it, and with it the job: it is passed over.
constexpr const char* deaf_at_first = "    sh -c 'trap \"\" USR1 USR2 TERM INT; exec \"$@\"' sh \\\n";

std::string by_srun(const LaunchPlan& plan) {
  return fmt::format(
      "  # One that ends late may still be writing: --kill-on-bad-exit=0.\n  # shellcheck disable=SC2016\n  exec srun --mpi=pmix "
      "--kill-on-bad-exit=0 --ntasks=\"$ranks\" --ntasks-per-node={} --cpus-per-task={} --cpu-bind=none \\\n    "
      "--output=\"${{logs//%/%%}}/rank_%t.log\" \\\n",
      plan.ranks_per_node, plan.threads);
}

// Slurm gives each node what its ranks ask for, so that none has to make room. Of the seconds that mpirun grants its ranks after a TERM it
// waits out twice as many at each end that is not 0; here they save on USR1, for which there is no limit.
std::string by_mpirun(const LaunchPlan& plan) {
  MpirunFacts mpirun;
  mpirun.cores = plan.ranks_per_node * plan.threads;
  mpirun.save = {2};
  std::vector<std::string> words = mpirun_words(plan, mpirun);
  words.resize(words.size() - plan.train.size());
  words.erase(words.begin(), words.begin() + 3);  // mpirun -n RANKS: how many they are is known in the job
  return "  # Where Slurm takes nodes away, mpirun ends with their ranks: the run goes on from its last periodic checkpoint.\n"
         "  # shellcheck disable=SC2016\n"
         "  exec mpirun -n \"$ranks\" --output-filename \"$logs\" " +
         shell_line(words) + " \\\n";
}

constexpr const char* waiting = R"sh(  child=$!
}
finish() {
  [ "$asked" = no ] || ask 5
  while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  wait "$child"  # once more: a signal that came while the ranks ended leaves its own number in the loop
  code=$?
  child=
}
begin
finish
if [ "$code" != 0 ] && [ -z "$(ls -A "$logs")" ]; then
  case "$asked $code" in
    no*)
      say "code $code before any rank began: once more in 10 s"  # slurmctld does not answer while it is restarted
      sleep 10
      if [ "$asked" = no ]; then begin; finish; fi;;
    *" 138"|*" 140"|*" 143") begin; finish;;  # by USR1, USR2 or TERM, in the moment before it ignored them
  esac
fi
)sh";

std::string start(const LaunchPlan& plan) {
  std::string text = R"sh(
before=$(outcome)
say "start $((restarts + 1)) on $SLURM_JOB_NUM_NODES nodes: $SLURM_JOB_NODELIST"
)sh";
  if (plan.restart)
    text +=
        "restart=()\n[ \"$restarts\" -gt 0 ] || restart=(--restart)  # later starts find a checkpoint, or nobody knows what they throw "
        "away\n";
  // GPUs without a rank are held all the same.
  const std::int64_t of_node = std::max(plan.ranks_per_node, plan.launch.gpus_per_node);
  text += fmt::format("ranks=$((SLURM_JOB_NUM_NODES * {}))\n", plan.ranks_per_node);
  if (plan.elastic || plan.ranks != of_node * plan.launch.nodes)
    text += fmt::format("export ERGON_PLACES=$((SLURM_JOB_NUM_NODES * {}))\n", of_node);
  if (plan.elastic) {
    text +=
        "# What the nodes that are there can run: the data-parallel axis gives way, places left over stay idle and are booked as such.\n";
    std::vector<std::string> words = {plan.program.front(), "launch"};
    words.insert(words.end(), plan.train.begin() + 2, plan.train.end());
    text += "ranks=$(" + shell_line(words) + " --fit \"$ranks\") || exit 4\n";
  } else if (plan.ranks != plan.ranks_per_node * plan.launch.nodes) {
    text += fmt::format("ranks={}\n", plan.ranks);
  }
  text += R"sh(
# The ranks, in the background, so that this shell hears signals. What becomes their launcher ignores them until that hears: one would end it.
begin() {
  asking=''
  (trap '' USR1 USR2 TERM
)sh";
  text += plan.by_mpirun ? by_mpirun(plan) : by_srun(plan);
  text += deaf_at_first + ("    " + shell_line(plan.train)) + (plan.restart ? " \"${restart[@]}\") &\n" : ") &\n");
  return text + waiting;
}

constexpr const char* verdict = R"sh(
# What came of it. Only a result that this start has written counts.
after=$(outcome)
fresh=no
if [ -n "$after" ] && [ "$after" != "$before" ]; then fresh=yes; code=${after#* }; fi
say "the ranks ended: code $code, a fresh result.json: $fresh"
if [ $fresh = no ] && [ "$code" = 85 ]; then code=1; fi  # nobody has saved
)sh";

// What happens after 85, by how the job comes back.
std::string comeback(const LaunchPlan& plan) {
  switch (plan.launch.comeback) {
    case Comeback::never:
      return "\nif [ \"$code\" = 85 ] && stop_asked; then exit 86; fi  # a site may requeue it all the same\nexit \"$code\"\n";
    case Comeback::requeue:
      return R"sh(
if [ "$code" = 85 ]; then
  if ! running; then say "not requeued by this script: $why"; exit 85; fi
  if stop_asked; then exit 86; fi  # one that comes later is read as the job starts again, or `ergon stop` finds it waiting
  if [ $((restarts + 1)) -ge "$starts" ]; then say "started $starts times: not again"; exit 86; fi
  if scontrol requeue "$self"; then
    say "requeued"
    sleep 120  # Slurm ends this shell; one that ends first is taken for done
  else
    say "Slurm has not requeued the job: submit it again, and see launch.comeback"
  fi
fi
exit "$code"
)sh";
    case Comeback::chain:
      return R"sh(
if [ "$code" = 85 ]; then
  if ! running; then say "no next job: $why"; exit 85; fi
  if stop_asked; then exit 86; fi
  if [ $((restarts + 1)) -ge "$starts" ]; then say "started $starts times: not again"; exit 86; fi
  # A scancel at this moment must not end sbatch: nobody would know the number of the job that it has submitted. afterok: where Slurm kills
  # this shell before it has taken that job back, it does not go on.
  next=$(
    trap '' USR1 USR2 TERM
    sbatch --parsable --dependency="afterok:$SLURM_JOB_ID" --kill-on-invalid-dep=yes --export="ALL,ERGON_CHAIN=$((restarts + 1))" "$script"
  ) || { say "Slurm has not taken the next job: submit it again"; exit 85; }
  next=${next%%;*}  # NUMBER;CLUSTER where clusters have names
  if ! running; then scancel "$next"; say "the next job, $next, is cancelled: $why"; exit 85; fi
  if stop_asked; then scancel "$next"; exit 86; fi
  "$ergon" status "$run" --job "$next"
  say "job $next goes on"
  exit 0
fi
exit "$code"
)sh";
    case Comeback::array:
      return R"sh(
# The next task of the array goes on after 85, and where Slurm has taken the nodes of this one. After any other end there is nothing to go on
# with.
if [ "$code" = 85 ] && running; then
  if stop_asked; then )sh" +
             down(plan) + R"sh(; fi
  if [ $((restarts + 1)) -ge "$starts" ]; then say "started $starts times: not again"; exit 86; fi
  exit 0
fi
if [ "$code" != 85 ] && { [ $fresh = yes ] || running; }; then
  scancel --state=PENDING "$SLURM_ARRAY_JOB_ID"
else
  say "whether the next task of the array goes on is left to Slurm: $why"
fi
exit "$code"
)sh";
  }
  return "";
}

}  // namespace

std::string slurm_time(Seconds time) {
  const auto total = static_cast<std::int64_t>(std::ceil(time.value));
  const std::int64_t days = total / 86400;
  return (days > 0 ? std::to_string(days) + "-" : "") + fmt::format("{:02}:{:02}:{:02}", total / 3600 % 24, total / 60 % 60, total % 60);
}

std::string job_script(const LaunchPlan& plan, const JobFacts& facts) {
  const char* count = plan.launch.comeback == Comeback::chain   ? "restarts=${ERGON_CHAIN:-0}\n"
                      : plan.launch.comeback == Comeback::array ? "restarts=$((SLURM_ARRAY_TASK_ID - 1))\n"
                                                                : "restarts=${SLURM_RESTART_COUNT:-0}\n";
  return "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n# The job of " + shell_word(plan.folder) +
         ", written by `ergon launch`. It may be kept, changed, and submitted again: sbatch FILE\n" + header(plan, facts) + "\nset -u\n" +
         surroundings(plan, facts) + count + "logs=$run/logs/job_$SLURM_JOB_ID.$restarts\nmkdir -p \"$logs\" || exit 3\n" + functions +
         (plan.launch.comeback == Comeback::never ? "" : running) + guard(plan) + start(plan) + verdict + comeback(plan);
}

}  // namespace ergon
