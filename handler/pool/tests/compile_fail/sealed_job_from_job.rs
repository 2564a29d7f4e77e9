//! E0277

pub fn forge(job: pool::Job) -> pool::SealedJob {
    job.into()
}

fn main() {}
