//! The modules of a crate, and what a path names in them.

use std::collections::HashMap;

use anyhow::{Context, Result};
use syn::ext::IdentExt as _;
use syn::{Expr, Item, ItemMod, ItemUse, Lit, Meta, MetaNameValue, UseTree, Visibility};

use super::mentions::{Mention, ModuleId, Path, attributes_and_name, in_code, is_of_tests};
use crate::sources::Sources;

/// A crate, as far as its own sources tell.
#[derive(Default)]
pub struct Crate {
    /// The first is the top.
    modules: Vec<Module>,
    imports: Vec<Path>,
    /// In the order of the sources.
    pub mentions: Vec<Mention>,
}

struct Module {
    file: String,
    parent: Option<ModuleId>,
    names: HashMap<String, Vec<Meaning>>,
    globs: Vec<usize>,
}

/// What a name in a module is. It may be several, in the compiler's different name spaces.
#[derive(Clone, Copy)]
enum Meaning {
    /// A function, a type, a macro, defined there.
    Item,
    Module(ModuleId),
    /// By its place in [`Crate::imports`].
    Import(usize),
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Something defined in this module, or within that.
    Item(ModuleId),
    Module(ModuleId),
    /// Of another crate, or a name that is no item: a generic parameter.
    Elsewhere,
}

impl Crate {
    /// The crate that begins in this file.
    pub fn read(top: &str, sources: &Sources) -> Result<Crate> {
        let mut read = Crate::default();
        read.add_file(top, None, sources)?;
        Ok(read)
    }

    pub fn file(&self, module: ModuleId) -> &str {
        &self.modules[module].file
    }

    /// Whether the first module is a parent of the second, or a parent's parent.
    pub fn is_above(&self, module: ModuleId, of: ModuleId) -> bool {
        let parents = std::iter::successors(self.modules[of].parent, |&parent| self.modules[parent].parent);
        parents.into_iter().any(|parent| parent == module)
    }

    /// What a path in a module leads to.
    pub fn resolve(&self, module: ModuleId, path: &[String]) -> Vec<Target> {
        self.follow(module, path, &mut Vec::new())
    }

    /// `open` are the imports that are being looked up, which must not be again on the way.
    fn follow(&self, module: ModuleId, path: &[String], open: &mut Vec<usize>) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return vec![Target::Elsewhere] };
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(module)],
            "super" => self.parent(module),
            name => self.look_up(module, name, open),
        };
        if found.is_empty() {
            return vec![Target::Elsewhere];
        }
        for name in rest {
            let mut next = Vec::new();
            for target in found {
                match target {
                    Target::Module(parent) if name == "super" => next.extend(self.parent(parent)),
                    Target::Module(parent) => {
                        let named = self.look_up(parent, name, open);
                        // The module has it, if the path is right, perhaps by a macro.
                        next.extend(if named.is_empty() { vec![Target::Item(parent)] } else { named });
                    }
                    Target::Item(_) | Target::Elsewhere => next.push(target),
                }
            }
            found = next;
        }
        found
    }

    fn parent(&self, module: ModuleId) -> Vec<Target> {
        vec![self.modules[module].parent.map_or(Target::Elsewhere, Target::Module)]
    }

    /// What a name is in a module, nothing if the module does not say.
    fn look_up(&self, module: ModuleId, name: &str, open: &mut Vec<usize>) -> Vec<Target> {
        let mut found = Vec::new();
        for &meaning in self.modules[module].names.get(name).into_iter().flatten() {
            match meaning {
                Meaning::Item => found.push(Target::Item(module)),
                Meaning::Module(child) => found.push(Target::Module(child)),
                Meaning::Import(import) => found.extend(self.import(module, import, open)),
            }
        }
        if found.is_empty() {
            for &glob in &self.modules[module].globs {
                for target in self.import(module, glob, open) {
                    if let Target::Module(opened) = target {
                        found.extend(self.look_up(opened, name, open));
                    }
                }
            }
        }
        found
    }

    fn import(&self, module: ModuleId, import: usize, open: &mut Vec<usize>) -> Vec<Target> {
        if open.contains(&import) {
            return Vec::new();
        }
        open.push(import);
        let found = self.follow(module, &self.imports[import], open);
        open.pop();
        found
    }

    fn add_file(&mut self, file: &str, parent: Option<ModuleId>, sources: &Sources) -> Result<ModuleId> {
        let text = sources.get(file).with_context(|| format!("there is no source {file}"))?;
        let parsed = syn::parse_file(text).with_context(|| format!("cannot parse {file}"))?;
        let (folder, own) = file.rsplit_once('/').context("a source is in a folder")?;
        let folder = match own {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            own => format!("{folder}/{}", own.trim_end_matches(".rs")),
        };
        self.add_module(file, parent, parsed.items, &folder, sources)
    }

    fn add_module(
        &mut self,
        file: &str,
        parent: Option<ModuleId>,
        items: Vec<Item>,
        folder: &str,
        sources: &Sources,
    ) -> Result<ModuleId> {
        let module = self.modules.len();
        let (names, globs) = (HashMap::new(), Vec::new());
        self.modules.push(Module { file: file.to_owned(), parent, names, globs });
        for item in items {
            let (attributes, name) = attributes_and_name(&item);
            if is_of_tests(attributes) {
                continue;
            }
            if let Some(name) = name {
                self.define(module, name, Meaning::Item);
            }
            match item {
                Item::Mod(child) => self.add_child(module, child, folder, sources)?,
                Item::Use(import) => self.add_use(module, &import),
                code => {
                    let (mentions, imports) = in_code(module, &code);
                    self.mentions.extend(mentions);
                    imports.into_iter().for_each(|import| self.add_use(module, import));
                }
            }
        }
        Ok(module)
    }

    fn add_child(&mut self, parent: ModuleId, child: ItemMod, folder: &str, sources: &Sources) -> Result<()> {
        let name = child.ident.unraw().to_string();
        let folder = format!("{folder}/{name}");
        let added = match child.content {
            Some((_, items)) => {
                let file = self.modules[parent].file.clone();
                self.add_module(&file, Some(parent), items, &folder, sources)?
            }
            None => {
                let beside = self.modules[parent].file.rsplit_once('/').map_or("", |(folder, _)| folder);
                let [short, long] = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
                let file = match path_attribute(&child) {
                    Some(path) => format!("{beside}/{path}"),
                    None if sources.contains_key(&short) => short,
                    None => long,
                };
                self.add_file(&file, Some(parent), sources)?
            }
        };
        self.define(parent, name, Meaning::Module(added));
        Ok(())
    }

    fn define(&mut self, module: ModuleId, name: String, meaning: Meaning) {
        self.modules[module].names.entry(name).or_default().push(meaning);
    }

    fn add_use(&mut self, module: ModuleId, import: &ItemUse) {
        if import.leading_colon.is_some() {
            // It names another crate, whatever this one has.
            for (_, name) in leaves(&import.tree, Vec::new()) {
                let nowhere = self.add_import(Vec::new());
                if let Some(name) = name {
                    self.define(module, name, Meaning::Import(nowhere));
                }
            }
            return;
        }
        let line = import.use_token.span.start().line;
        let is_reexport = !matches!(import.vis, Visibility::Inherited);
        for (path, name) in leaves(&import.tree, Vec::new()) {
            self.mentions.push(Mention { module, line, path: path.clone(), is_reexport });
            let imported = self.add_import(path);
            match name.as_deref() {
                Some("*") => self.modules[module].globs.push(imported),
                Some(name) => self.define(module, name.to_owned(), Meaning::Import(imported)),
                None => {}
            }
        }
    }

    fn add_import(&mut self, path: Path) -> usize {
        self.imports.push(path);
        self.imports.len() - 1
    }
}

/// The file that `#[path = "…"]` names, from the folder of the file in which it stands.
fn path_attribute(child: &ItemMod) -> Option<String> {
    child.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(MetaNameValue { path, value: Expr::Lit(value), .. }) if path.is_ident("path") => {
            match &value.lit {
                Lit::Str(file) => Some(file.value()),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Each path of a `use`, with the name that it gets: `*` for all names, none for `_`.
fn leaves(tree: &UseTree, mut path: Path) -> Vec<(Path, Option<String>)> {
    match tree {
        UseTree::Path(next) => {
            path.push(next.ident.unraw().to_string());
            leaves(&next.tree, path)
        }
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, path.clone())).collect(),
        UseTree::Glob(_) => vec![(path, Some("*".to_owned()))],
        UseTree::Name(name) if name.ident == "self" => {
            let last = path.last().cloned();
            vec![(path, last)]
        }
        UseTree::Name(name) => {
            path.push(name.ident.unraw().to_string());
            let last = path.last().cloned();
            vec![(path, last)]
        }
        UseTree::Rename(rename) => {
            if rename.ident != "self" {
                path.push(rename.ident.unraw().to_string());
            }
            vec![(path, (rename.rename != "_").then(|| rename.rename.unraw().to_string()))]
        }
    }
}
