// SPDX-License-Identifier: Apache-2.0
// Work that one rank does for all: reading a file that decides how everyone goes on. Its answer, or its Error, reaches every rank, so that
// all go on or all end with the same exit code.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "configs/error.hpp"
#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"

namespace ergon {

// An Error that every rank throws at the same place: one rank may say it for all, and all may end in order.
class AgreedError : public Error {
 public:
  using Error::Error;
  explicit AgreedError(const Error& error) : Error(error) {}
};

// Collective. Runs `work` on rank 0 and returns its text on every rank; an Error that it throws becomes an AgreedError on every rank.
std::string on_rank_zero(Communicator& control, const std::function<std::string()>& work);

// Collective: rank 0's bytes come to every rank, which has room for as many, in messages of at most `message`.
void share_bytes(Communicator& control, std::span<std::byte> bytes, Bytes message);

}  // namespace ergon
