// SPDX-License-Identifier: Apache-2.0
// Saving beside the steps that follow: a thread copies the tensors and writes the copy, the main thread commits at a later step boundary.
// After the commit, rank 0's thread reads the checkpoint back and deletes what retention no longer wants.
//
//   start(tensors, state)   at a step boundary; nothing else is in flight
//   wait_copied()           before the tensors change: returns at once when the copy is done
//   writing()               false: this rank's part is written, or has failed; when it is false on all ranks, commit
//   commit(control)         collective, at a step boundary; waits for this rank's own thread where it must
//
// One thread calls all of this. Everything that fails on the other thread is in the result of commit(), or a message.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/checkpoint/saver.hpp"

namespace ergon {

struct BackgroundSeconds {
  Seconds copy, write;  // by the other thread
};

// A save that was committed and then did not read back: it is set aside.
struct LostSave {
  std::int64_t step;
  std::string why;
};

class BackgroundSave {
 public:
  // limit: a save, or a retention, that takes longer counts as stuck.
  BackgroundSave(std::shared_ptr<CheckpointSaver> saver, Seconds limit);
  BackgroundSave(const BackgroundSave&) = delete;
  BackgroundSave& operator=(const BackgroundSave&) = delete;
  ~BackgroundSave();  // waits for the thread, unless it was found to be stuck

  // The tensors stay as they are until wait_copied() has returned.
  void start(std::vector<CheckpointTensor> tensors, RunState state);
  // Between start and commit.
  bool in_flight() const;
  std::int64_t step() const;  // of the save in flight

  // The calls that wait, and check(), throw Error (ExitCode::stuck) once the limit has passed.
  void wait_copied();
  bool writing() const;
  void check() const;
  SaveResult commit(Communicator& control);
  // Not collective. The run ends, and a save in flight will not be committed: waits for the thread and removes what this rank can.
  void discard();
  BackgroundSeconds seconds() const;  // of the save that was committed last

  // Until nothing is under way on the other thread; a save in flight stays for commit.
  void wait_idle();
  // What retention has said since the last call; on rank 0.
  std::vector<std::string> take_messages();
  std::optional<LostSave> take_lost();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the thread, which may outlive this object when it is stuck
};

}  // namespace ergon
