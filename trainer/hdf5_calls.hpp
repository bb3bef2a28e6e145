// SPDX-License-Identifier: Apache-2.0
// How the HDF5 library is called, for trainer/hdf5.cpp and trainer/hdf5_reader.cpp only: ids become handles, failures become Errors
// (ExitCode::data) that carry the library's own message, CallErrors where a system call failed.
#pragma once

#include <hdf5.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "configs/error.hpp"
#include "trainer/hdf5.hpp"
#include "trainer/storage_error.hpp"

namespace ergon::hdf5 {

inline hid_t native_id(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::u8:
      return H5T_STD_U8LE;
    case Hdf5Type::u16:
      return H5T_STD_U16LE;
    case Hdf5Type::u32:
      return H5T_STD_U32LE;
    case Hdf5Type::u64:
      return H5T_STD_U64LE;
    case Hdf5Type::i64:
      return H5T_STD_I64LE;
    case Hdf5Type::f32:
      return H5T_IEEE_F32LE;
    case Hdf5Type::f64:
      return H5T_IEEE_F64LE;
  }
  return -1;
}

// Before any other call. HDF5 prints its error stack to stderr unless told otherwise, per thread. And what it does as a process ends
// crashes in 1.10 when the close of a file has failed, for that file is in its tables still: all are closed by their handles before that.
inline void prepare_hdf5() {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

// The innermost entry of HDF5's error stack says what went wrong, the outer ones which call saw it.
inline std::string hdf5_message() {
  std::string message;
  const auto visit = [](unsigned, const H5E_error2_t* entry, void* out) -> herr_t {
    auto& text = *static_cast<std::string*>(out);
    if (text.empty() && entry->desc && *entry->desc) text = fmt::format("{}: {}", entry->func_name, entry->desc);
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit, &message);
  H5Eclear2(H5E_DEFAULT);
  return message.empty() ? "no message" : message;
}

// The errno of the system call that a message of HDF5 speaks of; 0 when it speaks of none.
inline int errno_in(const std::string& message) {
  constexpr std::string_view name = "errno = ";
  const std::size_t at = message.rfind(name);
  return at == std::string::npos ? 0 : std::atoi(message.c_str() + at + name.size());
}

[[noreturn]] inline void fail_hdf5(const std::string& operation, const std::string& path) {
  const std::string message = hdf5_message();
  if (const int number = errno_in(message); number != 0)
    fail_inside(fmt::format("HDF5 cannot {}: {}", operation, std::strerror(number)), path, number);
  throw Error(fmt::format("HDF5 cannot {} ({})", operation, message), path, "", ExitCode::data);
}

using Closer = herr_t (*)(hid_t);
template <Closer closer>
Hdf5Handle own(hid_t id, const std::string& operation, const std::string& path) {
  if (id < 0) fail_hdf5(operation, path);
  return Hdf5Handle(id, [](std::int64_t value) -> int { return closer(value); });
}

inline void check(herr_t status, const std::string& operation, const std::string& path) {
  if (status < 0) fail_hdf5(operation, path);
}

inline void check_close(Hdf5Handle& handle, const std::string& operation, const std::string& path) {
  if (!handle.close()) fail_hdf5(operation, path);
}

// How files are opened. Some shared file systems have no locks, and HDF5 would then open nothing; who owns a file is settled elsewhere
// (trainer/run_lock).
inline Hdf5Handle access_without_locks(const std::string& path) {
  auto access = own<H5Pclose>(H5Pcreate(H5P_FILE_ACCESS), "make a property list", path);
  check(H5Pset_file_locking(access.id(), false, true), "switch file locks off", path);
  return access;
}

}  // namespace ergon::hdf5
