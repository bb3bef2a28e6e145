// SPDX-License-Identifier: Apache-2.0
#include "parallel/mpi.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>
#include <thread>

#include "configs/clock.hpp"
#include "parallel/deadline.hpp"
#include "parallel/started_ranks.hpp"

namespace ergon {
namespace {

bool mpi_runs() {
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  return started != 0 && ended == 0;
}

// "MPI_Bcast(...)" -> "MPI_Bcast".
std::string_view call_name(std::string_view call) { return call.substr(0, call.find('(')); }

// Orders exit codes by how bad they are: ok, then outcomes (85 and up), then failures.
int severity(int code) { return code == 0 ? 0 : code >= static_cast<int>(ExitCode::saved) ? code : 1000 + code; }
int code_of(int severity) { return severity >= 1000 ? severity - 1000 : severity; }

using ProcessorMask = std::array<unsigned char, 1024>;

// Nothing is set where the system does not say it.
ProcessorMask allowed_processors() {
  ProcessorMask mask{};
  sched_getaffinity(0, mask.size(), reinterpret_cast<cpu_set_t*>(mask.data()));
  return mask;
}

bool same_on_all(const ProcessorMask& mine, const MpiComm& comm) {
  ProcessorMask every{}, any{};
  const int size = static_cast<int>(mine.size());
  ERGON_MPI(MPI_Allreduce(mine.data(), every.data(), size, MPI_UNSIGNED_CHAR, MPI_BAND, comm.get()), comm.name());
  ERGON_MPI(MPI_Allreduce(mine.data(), any.data(), size, MPI_UNSIGNED_CHAR, MPI_BOR, comm.get()), comm.name());
  return every == any;
}

MPI_Datatype bits(std::int64_t element_size) {
  switch (element_size) {
    case 1:
      return MPI_UINT8_T;
    case 2:
      return MPI_UINT16_T;
    case 4:
      return MPI_UINT32_T;
    case 8:
      return MPI_UINT64_T;
    default:
      return MPI_DATATYPE_NULL;
  }
}

}  // namespace

void mpi_check(int code, const char* what, const std::string& where) {
  if (code == MPI_SUCCESS) [[likely]]
    return;
  std::array<char, MPI_MAX_ERROR_STRING + 1> text{};
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) length = 0;
  const std::string message = length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : fmt::format("error code {}", code);
  throw Error(fmt::format("{} failed: {}", call_name(what), message), where,
              "another rank or the network may have failed: see the first error in the log", ExitCode::world);
}

MpiComm MpiComm::copy(MPI_Comm comm, const std::string& name) {
  MPI_Comm result = MPI_COMM_NULL;
  ERGON_MPI(MPI_Comm_dup(comm, &result), name);
  return MpiComm(result, name);
}

MpiComm::MpiComm(MPI_Comm comm, std::string name) : comm_(comm), name_(std::move(name)) {
  ERGON_MPI(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), name_);
}

MpiComm& MpiComm::operator=(MpiComm&& other) noexcept {
  if (this != &other) {
    free();
    comm_ = std::exchange(other.comm_, MPI_COMM_NULL);
    name_ = std::move(other.name_);
  }
  return *this;
}

MpiComm::~MpiComm() { free(); }

// MPI_Comm_free is collective: while an exception unwinds on this rank the others may never come.
void MpiComm::free() noexcept {
  if (comm_ != MPI_COMM_NULL && mpi_runs() && std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  comm_ = MPI_COMM_NULL;
}

int MpiComm::rank() const {
  int rank = 0;
  ERGON_MPI(MPI_Comm_rank(comm_, &rank), name_);
  return rank;
}

int MpiComm::size() const {
  int size = 0;
  ERGON_MPI(MPI_Comm_size(comm_, &size), name_);
  return size;
}

std::vector<int> MpiComm::members() const {
  std::vector<int> places(static_cast<std::size_t>(size())), world_ranks(places.size());
  std::iota(places.begin(), places.end(), 0);
  MPI_Group mine = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
  ERGON_MPI(MPI_Comm_group(comm_, &mine), name_);
  ERGON_MPI(MPI_Comm_group(MPI_COMM_WORLD, &world), name_);
  ERGON_MPI(MPI_Group_translate_ranks(mine, size(), places.data(), world, world_ranks.data()), name_);
  MPI_Group_free(&world);
  MPI_Group_free(&mine);
  return world_ranks;
}

MpiComm MpiComm::split(int color, int key, const std::string& name) const {
  MPI_Comm result = MPI_COMM_NULL;
  ERGON_MPI(MPI_Comm_split(comm_, color, key, &result), name);
  return MpiComm(result, name);
}

MpiBlock::MpiBlock(std::int64_t count, std::int64_t element_size, std::int64_t displacement, std::int64_t limit) {
  const MPI_Datatype element = bits(element_size);
  ERGON_CHECK(element != MPI_DATATYPE_NULL, "elements of {} bytes", element_size);
  std::vector<int> lengths;
  std::vector<MPI_Aint> displacements;
  for (std::int64_t at = 0; at < count; at += limit) {
    lengths.push_back(static_cast<int>(std::min(limit, count - at)));
    displacements.push_back(displacement + at * element_size);
  }
  ERGON_MPI(MPI_Type_create_hindexed(static_cast<int>(lengths.size()), lengths.data(), displacements.data(), element, &type_),
            "a block of a tensor");
  ERGON_MPI(MPI_Type_commit(&type_), "a block of a tensor");
}

MpiBlock& MpiBlock::operator=(MpiBlock&& other) noexcept {
  std::swap(type_, other.type_);
  return *this;
}

MpiBlock::~MpiBlock() {
  if (type_ != MPI_DATATYPE_NULL && mpi_runs()) MPI_Type_free(&type_);
}

void check_launcher(int world_size, const char* (*variable)(const char* name)) {
  if (const std::optional<Error> trap = launcher_trap(started_ranks(variable), world_size)) throw *trap;
}

MpiEnvironment::MpiEnvironment(int* argc, char*** argv) : unwinding_(std::uncaught_exceptions()) {
  if (const std::optional<Error> trap = launcher_trap(started_ranks(), {})) throw *trap;
  int provided = MPI_THREAD_SINGLE;
  ERGON_MPI(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided), "start of MPI");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  try {
    if (provided < MPI_THREAD_MULTIPLE)
      throw Error(
          fmt::format("MPI gives thread level {}, Ergon needs MPI_THREAD_MULTIPLE ({})", provided, static_cast<int>(MPI_THREAD_MULTIPLE)),
          "start of MPI", "use an MPI built with thread support; `ergon doctor` shows which one this is", ExitCode::world);
    control_ = MpiComm::copy(MPI_COMM_WORLD, "job");
    check_launcher(control_.size(), [](const char* name) -> const char* { return std::getenv(name); });
  } catch (const Error&) {
    MPI_Finalize();  // every rank sees the same and comes here
    throw;
  }
}

MpiEnvironment::~MpiEnvironment() {
  if (!mpi_runs()) return;
  if (std::uncaught_exceptions() > unwinding_) abort(ExitCode::internal);
  control_ = MpiComm();
  MPI_Finalize();
}

LocalRank MpiEnvironment::local() const {
  MPI_Comm node = MPI_COMM_NULL;
  ERGON_MPI(MPI_Comm_split_type(control_.get(), MPI_COMM_TYPE_SHARED, rank(), MPI_INFO_NULL, &node), "ranks of this machine");
  const MpiComm owned(node, "ranks of this machine");
  return {owned.rank(), owned.size(), same_on_all(allowed_processors(), owned)};
}

int MpiEnvironment::finish(ExitCode code, Seconds patience) {
  const int mine = severity(static_cast<int>(code));
  int worst = mine, arrived = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  const Clock::time_point deadline = deadline_after(patience);
  int status = MPI_Iallreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, control_.get(), &request);
  while (status == MPI_SUCCESS && arrived == 0 && Clock::now() < deadline) {
    status = MPI_Test(&request, &arrived, MPI_STATUS_IGNORE);
    if (arrived == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (status != MPI_SUCCESS || arrived == 0) abort(code == ExitCode::ok ? ExitCode::stuck : code);
  // Finalize waits for the others, and one that died since would be waited for without end.
  const Deadline late(patience, [] { std::_Exit(static_cast<int>(ExitCode::stuck)); });
  control_ = MpiComm();
  MPI_Finalize();
  return code_of(worst);
}

void MpiEnvironment::abort(ExitCode code) {
  std::fflush(nullptr);
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::_Exit(static_cast<int>(code));
}

}  // namespace ergon
