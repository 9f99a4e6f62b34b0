//! The paths that code mentions.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprCall, ImplItem, Item, ItemUse, Macro, Meta, TraitItem};

/// A module by its number in the crate.
pub type ModuleId = usize;

/// A path in pieces: `["crate", "error", "Error"]`.
pub type Path = Vec<String>;

/// A path somewhere in a module.
pub struct Mention {
    pub module: ModuleId,
    pub line: usize,
    pub path: Path,
    /// It stands in a `use` that others see.
    pub is_reexport: bool,
}

/// What an item mentions that is neither a module nor a `use`; and the `use`s within its functions.
pub fn in_code(module: ModuleId, item: &Item) -> (Vec<Mention>, Vec<&ItemUse>) {
    let mut code = Code { module, mentions: Vec::new(), uses: Vec::new() };
    code.visit_item(item);
    (code.mentions, code.uses)
}

/// Whether an item is there for tests only: `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`.
pub fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
            match &condition[..] {
                [TokenTree::Ident(one)] => one == "test",
                [TokenTree::Ident(all), TokenTree::Group(conditions)] if all == "all" => conditions
                    .stream()
                    .into_iter()
                    .any(|one| matches!(one, TokenTree::Ident(one) if one == "test")),
                _ => false,
            }
        }
        _ => false,
    })
}

/// The attributes of an item, and its name if it is one that a path can name; modules name themselves.
pub fn attributes_and_name(item: &Item) -> (&[Attribute], Option<String>) {
    let (attributes, name) = match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::TraitAlias(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::ExternCrate(item) => (&item.attrs, None),
        Item::ForeignMod(item) => (&item.attrs, None),
        Item::Impl(item) => (&item.attrs, None),
        Item::Mod(item) => (&item.attrs, None),
        Item::Use(item) => (&item.attrs, None),
        _ => return (&[], None),
    };
    (attributes, name.map(|name| name.unraw().to_string()))
}

struct Code<'ast> {
    module: ModuleId,
    mentions: Vec<Mention>,
    uses: Vec<&'ast ItemUse>,
}

impl Code<'_> {
    /// A name alone in small letters may be a variable, so only one that is called or expanded counts.
    fn mention(&mut self, path: Path, line: usize, is_called: bool) {
        if path.len() > 1 || is_called || is_capital(&path[0]) {
            self.mentions.push(Mention { module: self.module, line, path, is_reexport: false });
        }
    }

    fn mention_parsed(&mut self, path: &syn::Path, is_called: bool) {
        if let (None, Some(first)) = (&path.leading_colon, path.segments.first()) {
            let names = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
            self.mention(names, first.ident.span().start().line, is_called);
        }
    }

    /// Whatever looks like a path in the arguments of a macro.
    fn mention_all_in(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.mention_all_in(group.stream()),
                TokenTree::Ident(first) => {
                    let goes_on = goes_on(&tokens[..at - 1], first == "crate");
                    let mut path = vec![first.unraw().to_string()];
                    while let Some(name) = next_in_path(&tokens[at..]) {
                        path.push(name);
                        at += 3;
                    }
                    let is_called = matches!(tokens.get(at), Some(TokenTree::Group(group))
                        if group.delimiter() == Delimiter::Parenthesis);
                    if !goes_on {
                        self.mention(path, first.span().start().line, is_called);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

fn is_capital(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

/// Whether a name after these tokens is no beginning of a path: a field or method, a lifetime, a variable of a macro, or
/// what follows `::`.
fn goes_on(before: &[TokenTree], is_crate: bool) -> bool {
    let is =
        |token: &TokenTree, sign: char| matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign);
    match before {
        [.., one, two] if is(one, '.') && is(two, '.') => false,
        [.., one, two] if is(one, ':') && is(two, ':') => true,
        [.., last] => is(last, '.') || is(last, '\'') || (is(last, '$') && !is_crate),
        [] => false,
    }
}

/// The name after `::` that these tokens begin with.
fn next_in_path(tokens: &[TokenTree]) -> Option<String> {
    match tokens {
        [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(name), ..]
            if one.as_char() == ':' && one.spacing() == Spacing::Joint && two.as_char() == ':' =>
        {
            Some(name.unraw().to_string())
        }
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Code<'ast> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_of_tests(attributes_and_name(item).0) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_of_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes: &[Attribute] = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_of_tests(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        self.uses.push(import);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention_parsed(path, false);
        visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        // Any other path is seen as a path.
        if let Expr::Path(called) = &*call.func
            && called.path.segments.len() == 1
            && !is_capital(&called.path.segments[0].ident.unraw().to_string())
        {
            self.mention_parsed(&called.path, true);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, expanded: &'ast Macro) {
        self.mention_parsed(&expanded.path, true);
        self.mention_all_in(expanded.tokens.clone());
    }

    fn visit_meta(&mut self, meta: &'ast Meta) {
        visit::visit_meta(self, meta);
        if let Meta::List(list) = meta {
            self.mention_all_in(list.tokens.clone());
        }
    }
}
