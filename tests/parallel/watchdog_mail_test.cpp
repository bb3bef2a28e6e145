// SPDX-License-Identifier: Apache-2.0
#include "parallel/watchdog_mail.hpp"

#include <chrono>
#include <thread>

#include "tests/parallel/memory_folder.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("watchdog_mail: between threads, in order, to whom it is addressed") {
  auto mail = make_local_mail(3);
  CHECK_FALSE(mail[1]->receive().has_value());
  mail[0]->send({1, 2}, "a");
  mail[2]->send({1}, "b");
  const auto first = mail[1]->receive(), second = mail[1]->receive();
  REQUIRE((first && second));
  CHECK((first->from == 0 && first->text == "a"));
  CHECK((second->from == 2 && second->text == "b"));
  CHECK(mail[2]->receive()->text == "a");
  CHECK_FALSE(mail[0]->receive().has_value());
}

TEST_CASE("watchdog_mail: by folder everybody reads every letter once, but not its own") {
  const auto folder = std::make_shared<test::MemoryFolder>();
  const auto zero = make_folder_mail(folder, 0), one = make_folder_mail(folder, 1);
  folder->write("rank_00000.json", "no letter");
  zero->send({1}, "first");
  zero->send({1}, "second");
  CHECK(folder->names() == std::vector<std::string>{"mail_00000_0001.json", "mail_00000_0002.json", "rank_00000.json"});
  CHECK(one->receive()->text == "first");
  const auto second = one->receive();
  CHECK((second->text == "second" && second->from == 0));
  CHECK_FALSE(one->receive().has_value());
  CHECK_FALSE(zero->receive().has_value());
  zero->send({1}, "third");
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  CHECK(one->receive()->text == "third");
}

}  // namespace ergon
