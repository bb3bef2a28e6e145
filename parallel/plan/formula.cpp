// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/formula.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

std::string side_by_side(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

bool same_product(std::vector<std::string> a, std::vector<std::string> b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  return a == b;
}

}  // namespace

std::string Formula::Term::symbols() const {
  std::string text = side_by_side(factors);
  for (const std::string& divisor : divisors) text += "/" + divisor;
  return text;
}

Formula::Formula(const char* symbol) : Formula(symbol, Binding::atom) { terms_.push_back({1, {symbol}, {}}); }

Formula::Formula(std::int64_t number) : Formula(std::to_string(number), Binding::atom) { terms_.push_back({number, {}, {}}); }

std::string Formula::bound(Binding at_least) const { return binding_ < at_least ? "(" + text_ + ")" : text_; }

void Formula::add(const Term& term) {
  for (Term& mine : terms_)
    if (same_product(mine.factors, term.factors) && same_product(mine.divisors, term.divisors)) {
      mine.coefficient += term.coefficient;
      return;
    }
  terms_.push_back(term);
}

std::string Formula::expanded() const {
  std::string text;
  for (const Term& term : terms_) {
    if (term.coefficient == 0) continue;
    const std::int64_t size = term.coefficient < 0 ? -term.coefficient : term.coefficient;
    text += text.empty() ? (term.coefficient < 0 ? "-" : "") : (term.coefficient < 0 ? " - " : " + ");
    const std::string symbols = term.symbols();
    if (size != 1 || symbols.empty()) text += std::to_string(size) + (symbols.empty() ? "" : " ");
    text += symbols;
  }
  return text.empty() ? "0" : text;
}

Formula operator+(const Formula& a, const Formula& b) {
  Formula sum(a.text_ + " + " + b.text_, Formula::Binding::sum);
  sum.terms_ = a.terms_;
  for (const Formula::Term& term : b.terms_) sum.add(term);
  return sum;
}

Formula operator-(const Formula& a, const Formula& b) {
  Formula difference(a.text_ + " - " + b.bound(Formula::Binding::product), Formula::Binding::sum);
  difference.terms_ = a.terms_;
  for (Formula::Term term : b.terms_) {
    term.coefficient = -term.coefficient;
    difference.add(term);
  }
  return difference;
}

Formula operator*(const Formula& a, const Formula& b) {
  if (a.text_ == "1") return b;
  if (b.text_ == "1") return a;
  Formula product(a.bound(Formula::Binding::product) + " " + b.bound(Formula::Binding::product), Formula::Binding::product);
  for (const Formula::Term& left : a.terms_)
    for (const Formula::Term& right : b.terms_) {
      Formula::Term term = left;
      term.coefficient *= right.coefficient;
      term.factors.insert(term.factors.end(), right.factors.begin(), right.factors.end());
      term.divisors.insert(term.divisors.end(), right.divisors.begin(), right.divisors.end());
      product.add(term);
    }
  return product;
}

Formula operator/(const Formula& a, const Formula& b) {
  ERGON_CHECK(b.binding_ == Formula::Binding::atom && !b.terms_.front().factors.empty(), "{} divided by {}", a.text_, b.text_);
  Formula quotient(a.bound(Formula::Binding::product) + "/" + b.text_, Formula::Binding::product);
  quotient.terms_ = a.terms_;
  for (Formula::Term& term : quotient.terms_) term.divisors.push_back(b.text_);
  return quotient;
}

}  // namespace ergon
