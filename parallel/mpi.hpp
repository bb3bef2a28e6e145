// SPDX-License-Identifier: Apache-2.0
// MPI, wrapped: its life in a process, its handles as move-only values, its failures as Error.
//
// Invariants: every communicator made here returns its errors (with MPI's default handler the checks below could never fire); handles throw
// only from constructors, never from destructors; a handle that outlives MPI_Finalize is let go. Throws Error (ExitCode::world) with MPI's
// own message for whatever MPI reports.
#pragma once

#include <mpi.h>

#include <string>
#include <utility>
#include <vector>

#include "configs/error.hpp"
#include "configs/quantities.hpp"

namespace ergon {

// `what` is the call, `where` the group or the purpose.
void mpi_check(int code, const char* what, const std::string& where);

// A communicator that this program owns. Null after a move.
class MpiComm {
 public:
  static MpiComm copy(MPI_Comm comm, const std::string& name);
  MpiComm() = default;
  MpiComm(MPI_Comm comm, std::string name);  // takes ownership
  MpiComm(MpiComm&& other) noexcept : comm_(std::exchange(other.comm_, MPI_COMM_NULL)), name_(std::move(other.name_)) {}
  MpiComm& operator=(MpiComm&& other) noexcept;
  ~MpiComm();

  MPI_Comm get() const { return comm_; }
  const std::string& name() const { return name_; }
  int rank() const;
  int size() const;
  std::vector<int> members() const;                                  // ranks of MPI_COMM_WORLD, in order
  MpiComm split(int color, int key, const std::string& name) const;  // collective

 private:
  void free() noexcept;
  MPI_Comm comm_ = MPI_COMM_NULL;
  std::string name_;
};

// A datatype: `count` elements of `element_size` bytes that start `displacement` bytes after the buffer's address, in blocks of at most
// `limit` elements, because counts are int. For moving bits only, not for sums.
class MpiBlock {
 public:
  MpiBlock(std::int64_t count, std::int64_t element_size, std::int64_t displacement, std::int64_t limit);
  MpiBlock(MpiBlock&& other) noexcept : type_(std::exchange(other.type_, MPI_DATATYPE_NULL)) {}
  MpiBlock& operator=(MpiBlock&& other) noexcept;
  ~MpiBlock();
  MPI_Datatype get() const { return type_; }  // use with count 1

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

// The rank among the processes of this machine, and how many they are: which GPU, which share of the cores.
struct LocalRank {
  int rank = 0, size = 1;
  bool same_processors = true;  // all of them may use the same: no launcher has given each its own
};

// Throws Error when MPI believes to be alone although Slurm started several tasks: N copies of the program would each train the whole run.
// `variable` looks up the environment: null where a variable is not set.
void check_launcher(int world_size, const char* (*variable)(const char* name));

// The life of MPI in this process: made first in main, destroyed last. If an exception unwinds past it, it aborts the job: MPI_Finalize
// would wait for ever.
class MpiEnvironment {
 public:
  // Throws Error (ExitCode::world) when MPI does not give MPI_THREAD_MULTIPLE, and what check_launcher throws.
  MpiEnvironment(int* argc, char*** argv);
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;
  ~MpiEnvironment();

  int rank() const { return control_.rank(); }
  int size() const { return control_.size(); }
  LocalRank local() const;  // collective; before a rank binds itself

  // The last call of main on every rank: agrees on the worst exit code of all ranks (a failure before an outcome such as `saved`, that
  // before ok), ends MPI and returns that code. Ranks that do not arrive within `patience` are taken down with MPI_Abort.
  int finish(ExitCode code, Seconds patience);
  // Ends all ranks now.
  [[noreturn]] static void abort(ExitCode code);

 private:
  int unwinding_;  // exceptions in flight when this was made
  MpiComm control_;
};

}  // namespace ergon

// Calls MPI and checks: ERGON_MPI(MPI_Comm_rank(comm, &rank), "tp").
#define ERGON_MPI(call, where) ::ergon::mpi_check((call), #call, (where))
