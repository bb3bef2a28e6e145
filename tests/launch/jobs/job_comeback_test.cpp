// SPDX-License-Identifier: Apache-2.0
// How a job comes back, and what keeps it down; of launch/jobs/job_script, as job_script_test.cpp.
#include <fmt/format.h>

#include <filesystem>

#include "tests/launch/jobs/job_site.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::holds;
using test::times;
using Site = test::JobSite;

TEST_CASE("job_script: storms end") {
  Site often("");
  often.ranks("srun", often.saved(85));
  CHECK(holds(often.run({"launch.starts=3"}, "SLURM_RESTART_COUNT=2"), "started 3 times: not again"));
  CHECK_FALSE(holds(often.calls(), "requeue"));
  const Site preempted("");  // Slurm requeues by itself, and asks nobody
  CHECK(holds(preempted.run({"launch.starts=3"}, "SLURM_RESTART_COUNT=3"), "started 3 times: not again\nended 86\n"));
  CHECK_FALSE(holds(preempted.calls(), "srun"));
  const Site stalled("", "RUNNING", "3");
  CHECK(holds(stalled.run({}, "SLURM_RESTART_COUNT=3"), "ended 86\n"));
  CHECK_FALSE(holds(stalled.calls(), "srun"));
  CHECK(holds(Site("", "RUNNING", "3").run({"launch.stalled=0"}, "SLURM_RESTART_COUNT=3"), "the ranks ended"));
  const Site array("", "RUNNING", "3");
  CHECK(holds(array.run({"launch.comeback=array"}, "SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=4"), "ended 86\n"));
  CHECK(holds(array.calls(), "scancel --state=PENDING 7"));
  Site last("");
  last.ranks("srun", last.saved(85));
  CHECK(holds(last.run({"launch.comeback=array", "launch.starts=3"}, "SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=3"),
              "started 3 times: not again\nended 86\n"));
}

TEST_CASE("job_script: a run that is submitted anew has all starts before it") {
  for (const char* count : {"SLURM_RESTART_COUNT=0", "SLURM_RESTART_COUNT=2", "ERGON_CHAIN=2"}) {
    const Site mended("", "RUNNING", "5");  // starts that earlier jobs made in vain
    CHECK(holds(mended.run({count[0] == 'E' ? "launch.comeback=chain" : "launch.comeback=requeue"}, count), "the ranks ended"));
    CHECK(holds(mended.calls(), "srun"));
  }
}

TEST_CASE("job_script: where requeue is forbidden the job hands over to another one, or to the next task") {
  Site chain("");
  chain.ranks("srun", chain.saved(85));
  CHECK(holds(chain.run({"launch.comeback=chain"}), "job 8 goes on\nended 0\n"));
  CHECK(holds(chain.calls(), "sbatch --parsable --dependency=afterok:7 --kill-on-invalid-dep=yes --export=ALL,ERGON_CHAIN=1 " + chain.folder / "job.sh"));
  CHECK(holds(chain.calls(), "--job 8\n"));
  Site named("");  // a cluster with a name
  named.ranks("srun", named.saved(85));
  named.program("sbatch", "echo '8;cluster'");
  CHECK(holds(named.run({"launch.comeback=chain"}), "job 8 goes on\nended 0\n"));
  CHECK(holds(named.calls(), "--job 8\n"));

  Site task("");
  task.ranks("srun", task.saved(85));
  const std::string array = "SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=1";
  CHECK(holds(task.run({"launch.comeback=array"}, array), "ended 0\n"));
  CHECK_FALSE(holds(task.calls(), "scancel"));
  Site last("");
  last.ranks("srun", last.saved(0));
  CHECK(holds(last.run({"launch.comeback=array"}, array), "ended 0\n"));
  CHECK(holds(last.calls(), "scancel --state=PENDING 7"));
  Site broken("exit 5");
  CHECK(holds(broken.run({"launch.comeback=array"}, array), "ended 5\n"));
  CHECK(holds(broken.calls(), "scancel --state=PENDING 7"));
  for (const int code : {85, 1}) {  // its nodes are taken: saved, or not, and the next task goes on
    Site preempted("exit 1", "COMPLETING");
    if (code == 85) preempted.ranks("srun", preempted.saved(85));
    CHECK(holds(preempted.run({"launch.comeback=array"}, array), fmt::format("ended {}\n", code)));
    CHECK_FALSE(holds(preempted.calls(), "scancel"));
  }
  Site stopped("", "COMPLETING");
  stopped.ranks("srun", stopped.saved(86));
  CHECK(holds(stopped.run({"launch.comeback=array"}, array), "ended 86\n"));
  CHECK(holds(stopped.calls(), "scancel --state=PENDING 7"));

  Site never("");
  never.ranks("srun", never.saved(85));
  CHECK(holds(never.run({"launch.comeback=never"}), "ended 85\n"));
  CHECK_FALSE(holds(never.calls(), "requeue"));
}

TEST_CASE("job_script: a job that is cancelled while it hands over takes the next one back") {
  Site site("");
  site.ranks("srun", site.saved(85));
  // Its TERM goes to every process of the job.
  site.program("sbatch", "touch " + site.folder / "cancelled" + "; kill -TERM $$; /bin/sleep 0.1; echo 8");
  site.program("scontrol", "[ -e " + site.folder / "cancelled" + " ] && state=COMPLETING; echo \"JobId=7 JobState=${state:-RUNNING}\"");
  CHECK(holds(site.run({"launch.comeback=chain"}), "the next job, 8, is cancelled: Slurm says that this job is COMPLETING\nended 85\n"));
  CHECK(times(site.calls(), "scancel 8\n") == 1);
  CHECK_FALSE(holds(site.calls(), "--job"));
}

TEST_CASE("job_script: a stop that no rank has read keeps the job down, and ends no later one") {
  const std::string task = "SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=1", stays = "which is gone now: the job stays down\nended 86\n";
  for (const char* way : {"requeue", "chain", "array", "never"}) {
    const std::vector<std::string> keys = {std::string("launch.comeback=") + way};
    CAPTURE(way);
    Site saving("");  // asked while the ranks saved
    const std::string stop = saving.folder / "run/stop";
    saving.ranks("srun", "touch " + stop + "\n" + saving.saved(85));
    CHECK(holds(saving.run(keys, task), stays));
    CHECK_FALSE(std::filesystem::exists(stop));
    CHECK_FALSE(holds(saving.calls(), "scontrol requeue"));
    CHECK_FALSE(holds(saving.calls(), "sbatch"));
    CHECK(times(saving.calls(), "scancel --state=PENDING 7\n") == (way == std::string("array")));

    const Site between("");  // asked as it came back
    std::filesystem::create_directory(between.folder / "run");
    test::write_file(between.folder / "run/stop", "");
    CHECK(holds(between.run(keys, task + " SLURM_RESTART_COUNT=1"), stays));
    CHECK_FALSE(std::filesystem::exists(between.folder / "run/stop"));
    CHECK_FALSE(holds(between.calls(), "srun"));
    CHECK(times(between.calls(), "scancel --state=PENDING 7\n") == (way == std::string("array")));
  }
  Site chain("");  // asked as it handed over
  chain.ranks("srun", chain.saved(85));
  chain.program("sbatch", "touch " + chain.folder / "run/stop" + "; echo 8");
  CHECK(holds(chain.run({"launch.comeback=chain"}), stays));
  CHECK(times(chain.calls(), "scancel 8\n") == 1);
  CHECK_FALSE(std::filesystem::exists(chain.folder / "run/stop"));
  Site late("", "CANCELLED");  // whatever brings this job back will read it
  late.ranks("srun", "touch " + late.folder / "run/stop" + "\n" + late.saved(85));
  CHECK(holds(late.run({}), "ended 85\n"));
  CHECK(std::filesystem::exists(late.folder / "run/stop"));
}
