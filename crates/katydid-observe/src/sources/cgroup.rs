//! `cgroup:/path`: a group of version 2 on this machine, by its path below `/sys/fs/cgroup`.

use katydid_record::Watched;

use crate::address::Address;
use crate::batch::Batch;
use crate::machine::cgroup::Cgroup;
use crate::machine::local::Local;
use crate::observer::{Boxed, Observer, Source, Trouble};

struct CgroupSource {
    path: String,
}

struct CgroupObserver {
    path: String,
    cgroup: Cgroup,
}

/// Reads the address.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let path = address.rest.trim_end_matches('/').to_owned();
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(
            "a path below /sys/fs/cgroup is wanted, for example cgroup:/system.slice/web.service"
                .into(),
        );
    }
    Ok(Box::new(CgroupSource { path }))
}

impl Source for CgroupSource {
    fn subject(&self) -> String {
        format!("cgroup {}", self.path)
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            let path = self.path.clone();
            let folder = format!("/sys/fs/cgroup{path}");
            let cgroup = if std::path::Path::new(&folder).is_dir() {
                Cgroup::at(&path, &mut Local).await?
            } else {
                None
            };
            let cgroup = cgroup.ok_or_else(|| {
                Trouble::Lost(format!("there is no cgroup of version 2 at {folder}"))
            })?;
            Ok(Box::new(CgroupObserver { path, cgroup }) as Box<dyn Observer>)
        })
    }
}

impl Observer for CgroupObserver {
    fn watched(&self) -> Watched {
        Watched {
            subject: format!("cgroup {}", self.path),
            kind: "process".into(),
            title: format!("cgroup {}", self.path),
            every_ms: 1_000,
            sights: self.cgroup.sights(),
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            let read = batch.begin();
            self.cgroup.tell(&mut Local, batch).await?;
            batch.end(read);
            Ok(())
        })
    }
}
