// SPDX-License-Identifier: Apache-2.0
// A process that dies, and a disk that fails, at every call of the storage there is in an import of text: of its input, spool, partitions
// of duplicates, shards and their publication. What is left is what was there, nothing or the whole, and the same line goes on from it to
// the same bytes.
#include "configs/error.hpp"
#include "tests/fault/good_state.hpp"
#include "tests/fault/import_corpus.hpp"
#include "tests/fault/outcomes.hpp"
#include "tests/fault/strike.hpp"
#include "tests/fault/tree.hpp"

using namespace ergon;
using test::Corpus;
using test::Deed;

namespace {

// An import that nothing disturbs: what is in the folder behind it.
test::Tree import_alone(const Corpus& corpus, const test::Tree& before, Existing existing, Storage& storage) {
  const TemporaryFolder scratch;
  test::write_tree(before, scratch.path());
  import_text(corpus.options(scratch.path(), existing), storage);
  return test::read_tree(scratch.path());
}

// Where in an import each call is.
std::vector<std::string> places_of(const std::vector<std::string>& paths) {
  std::vector<std::string> places;
  bool publishing = false;
  for (const std::string& path : paths) {
    publishing = publishing || path.ends_with("/publishing");
    places.push_back(publishing                          ? "publication"
                     : path.ends_with(".txt")            ? "input"
                     : contains(path, "/unit_")          ? "spool"
                     : contains(path, "/hashes_")        ? "duplicates"
                     : contains(path, ".ingest/tokens-") ? "shards"
                                                         : "work folder");
  }
  return places;
}

// Of the folder of an output: "whole", "another" (as it was before), "nothing", or what is wrong. Shards may lie there without their list
// only where the mark of an output that appears says so.
std::string look_at_output(const test::Tree& tree, const test::Tree& before, const test::Tree& good) {
  test::Tree output;
  for (const auto& [name, text] : tree)
    if (!name.starts_with("tokens.ingest")) output[name] = text;
  if (output == good) return "whole";
  if (output == before) return before.empty() ? "nothing" : "another";
  if (output.contains("tokens.json")) return "A LIST OF OTHER SHARDS";
  return tree.contains("tokens.ingest/publishing") ? "nothing" : "SHARDS THAT NOBODY KNOWS OF";
}

// The import again. One that is whole may refuse to be made a second time.
void go_on(const ImportOptions& options, const std::string& seen) {
  UnsyncedStorage plain;
  try {
    import_text(options, plain);
  } catch (const Error& error) {
    CHECK(error.problem() == "already exists");
    CHECK(seen == "whole");
  }
}

}  // namespace

TEST_CASE("failpoints: an import of text that is killed, or whose disk fails, at any call goes on to the same bytes") {
  test::Outcomes outcomes({"planted", "nothing", "another", "whole"});
  const Corpus corpus('a'), another('p');
  for (const Existing existing : {Existing::refuse, Existing::replace}) {
    UnsyncedStorage plain;
    const test::Tree before = existing == Existing::replace ? import_alone(another, {}, Existing::refuse, plain) : test::Tree();
    test::FailingStorage counting(Deed::none, 0);
    const test::Tree good = import_alone(corpus, before, existing, counting);
    CHECK(good.size() == 4);
    const std::vector<std::string> places = places_of(counting.paths());
    REQUIRE(places.size() < 500);
    for (const Deed deed : test::every_deed) {
      for (int at = 1; at <= std::ssize(places) + 1; ++at) {
        const TemporaryFolder scratch;
        test::write_tree(before, scratch.path());
        const ImportOptions options = corpus.options(scratch.path(), existing);
        const bool struck = test::strike(deed, at, [&](Storage& storage) { import_text(options, storage); });
        CHECK(struck == (at <= std::ssize(places)));
        const std::string seen = look_at_output(test::read_tree(scratch.path()), before, good);
        CAPTURE(at, static_cast<int>(deed), seen);
        CHECK((seen == "whole" || (struck && (seen == "nothing" || seen == "another"))));
        go_on(options, seen);
        CHECK((test::read_tree(scratch.path()) == good));
        if (!struck) continue;
        const std::string row = fmt::format("{}, {}", places[static_cast<std::size_t>(at - 1)], kills(deed) ? "killed" : "disk fails");
        outcomes.add(row, "planted");
        outcomes.add(row, seen);
      }
    }
  }
  outcomes.print("an import of text, at each call");
  for (const char* place : {"input", "spool", "duplicates", "shards", "publication"})
    for (const char* what : {"killed", "disk fails"}) CHECK(outcomes.count(fmt::format("{}, {}", place, what), "planted") > 0);
}
