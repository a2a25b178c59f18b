//! The queries on the catalog.

use daybook_domain::{CategoryId, Currency, Money, ProductId};
use sqlx::{FromRow, PgConnection, PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Category, Facet, NAME, Product, ProductAt, ProductFilter, ProductSort, search::push_tsquery,
};
use crate::{
    paging::{KeyKind, Keyset, Page, Paging, QueryError, fetch_page},
    schema::SchemaName,
    stand::{At, Stand},
};

/// The catalog's queries. They do not return retired products or deleted categories.
#[derive(Clone)]
pub struct CatalogQueries {
    pool: PgPool,
    schema: SchemaName,
}

const PRODUCT_COLUMNS: &str = "p.id, p.name, p.description, p.price_minor, p.currency, p.stock, p.category_id, p.sku, \
     p.created_at, p.updated_at, p.product_version, p.stock_version";

const CATEGORY_COLUMNS: &str = "c.id, c.name, c.description, c.created_at, c.updated_at, c.version";

const CATEGORIES_BY_NAME: Keyset = Keyset {
    order: "categories by name",
    key: "c.sort_name",
    kind: KeyKind::Text,
    id: "c.id",
    descending: false,
};

impl CatalogQueries {
    pub(crate) fn new(pool: PgPool, schema: SchemaName) -> CatalogQueries {
        CatalogQueries { pool, schema }
    }

    /// The products that `filter` finds. Without a `sort` they come by relevance if there are words to
    /// search for, else the newest first.
    pub async fn list_products(
        &self,
        filter: &ProductFilter,
        sort: Option<ProductSort>,
        paging: &Paging,
    ) -> Result<At<Page<Product>>, QueryError> {
        let keyset = keyset(sort, filter.q.is_some());
        let mut conn = self.pool.acquire().await?;
        let stand = Stand::read(&mut conn, NAME).await?;
        let mut count = QueryBuilder::new("select count(*)");
        self.push_matching(&mut count, filter);
        let total = count.build_query_scalar().fetch_one(&mut *conn).await?;

        let mut query =
            QueryBuilder::new(format!("select {PRODUCT_COLUMNS}, {}", keyset.columns()));
        self.push_matching(&mut query, filter);
        let rows = fetch_page(&mut conn, query, &keyset, paging, total).await?;
        Ok(At { stand, rows })
    }

    /// How many products of each category `filter` finds, ignoring a category in the filter itself; the
    /// largest first, and none with no products.
    pub async fn facets(&self, filter: &ProductFilter) -> Result<At<Vec<Facet>>, QueryError> {
        let filter = ProductFilter {
            category: None,
            ..filter.clone()
        };
        let mut query = QueryBuilder::new(
            "select c.id, c.name, m.found from (select p.category_id, count(*) as found",
        );
        self.push_matching(&mut query, &filter);
        query.push(format_args!(
            " group by p.category_id) m join {}.categories c on c.id = m.category_id where not c.deleted
             order by m.found desc, c.sort_name, c.id",
            self.schema
        ));
        let mut conn = self.pool.acquire().await?;
        let stand = Stand::read(&mut conn, NAME).await?;
        let found: Vec<(Uuid, String, i64)> = query.build_query_as().fetch_all(&mut *conn).await?;
        let facets = found.into_iter().map(|(id, name, count)| Facet {
            category_id: id.into(),
            name,
            count,
        });
        let rows = facets.collect();
        Ok(At { stand, rows })
    }

    /// A product with the position at which it was read, both from one snapshot.
    pub async fn get_product(&self, id: ProductId) -> Result<Option<ProductAt>, QueryError> {
        let statement = format!(
            "select {PRODUCT_COLUMNS}, coalesce(k.position, 0) as position
             from {}.products p
             left join projections.checkpoints k on k.name = $2
             where p.id = $1 and p.listed",
            self.schema
        );
        let row = sqlx::query(&statement)
            .bind(id.as_uuid())
            .bind(NAME)
            .fetch_optional(&self.pool)
            .await?;
        let product_at = row.map(|row| {
            Ok(ProductAt {
                product: Product::from_row(&row)?,
                position: row.try_get("position")?,
            })
        });
        product_at.transpose()
    }

    pub async fn get_category(&self, id: CategoryId) -> Result<At<Option<Category>>, QueryError> {
        let mut conn = self.pool.acquire().await?;
        let stand = Stand::read(&mut conn, NAME).await?;
        let statement = format!(
            "select {CATEGORY_COLUMNS} from {}.categories c where c.id = $1 and not c.deleted",
            self.schema
        );
        let rows = sqlx::query_as(&statement)
            .bind(id.as_uuid())
            .fetch_optional(&mut *conn)
            .await?;
        Ok(At { stand, rows })
    }

    /// All categories by name.
    pub async fn list_categories(&self, paging: &Paging) -> Result<At<Page<Category>>, QueryError> {
        let mut conn = self.pool.acquire().await?;
        let stand = Stand::read(&mut conn, NAME).await?;
        let from = format!(" from {}.categories c where not c.deleted", self.schema);
        let total = count(&mut conn, &from).await?;
        let columns = CATEGORIES_BY_NAME.columns();
        let query = QueryBuilder::new(format!("select {CATEGORY_COLUMNS}, {columns}{from}"));
        let rows = fetch_page(&mut conn, query, &CATEGORIES_BY_NAME, paging, total).await?;
        Ok(At { stand, rows })
    }

    /// Pushes `from … where …` for the products that `filter` finds.
    fn push_matching(&self, query: &mut QueryBuilder<'_, Postgres>, filter: &ProductFilter) {
        query.push(format_args!(" from {}.products p", self.schema));
        if let Some(q) = &filter.q {
            query.push(", (select ");
            push_tsquery(query, q);
            query.push(" as query) s where p.listed and p.search @@ s.query");
        } else {
            query.push(" where p.listed");
        }
        if let Some(category) = filter.category {
            query
                .push(" and p.category_id = ")
                .push_bind(category.as_uuid());
        }
        if let Some(min_price) = filter.min_price {
            query.push(" and p.price >= ").push_bind(min_price);
        }
        if let Some(max_price) = filter.max_price {
            query.push(" and p.price <= ").push_bind(max_price);
        }
        match filter.in_stock {
            Some(true) => query.push(" and p.stock > 0"),
            Some(false) => query.push(" and p.stock = 0"),
            None => query,
        };
    }
}

async fn count(conn: &mut PgConnection, from: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(&format!("select count(*){from}"))
        .fetch_one(conn)
        .await
}

fn keyset(sort: Option<ProductSort>, searching: bool) -> Keyset {
    let by = |order, key, kind, descending| Keyset {
        order,
        key,
        kind,
        id: "p.id",
        descending,
    };
    match sort.unwrap_or(ProductSort::Relevance) {
        ProductSort::Name => by("products by name", "p.sort_name", KeyKind::Text, false),
        ProductSort::NameDescending => by("products by -name", "p.sort_name", KeyKind::Text, true),
        ProductSort::Price => by("products by price", "p.price", KeyKind::Amount, false),
        ProductSort::PriceDescending => by("products by -price", "p.price", KeyKind::Amount, true),
        ProductSort::Relevance if searching => by(
            "products by relevance",
            "ts_rank(p.search, s.query)",
            KeyKind::Rank,
            true,
        ),
        ProductSort::Newest | ProductSort::Relevance => {
            by("products by newest", "p.created_at", KeyKind::Instant, true)
        }
    }
}

impl FromRow<'_, PgRow> for Product {
    fn from_row(row: &PgRow) -> Result<Product, sqlx::Error> {
        let currency: Currency = row
            .try_get::<&str, _>("currency")?
            .parse()
            .map_err(|unknown| sqlx::Error::Decode(Box::new(unknown)))?;
        Ok(Product {
            id: row.try_get::<Uuid, _>("id")?.into(),
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            price: Money::new(row.try_get("price_minor")?, currency),
            stock: row.try_get("stock")?,
            category_id: row
                .try_get::<Option<Uuid>, _>("category_id")?
                .map(Into::into),
            sku: row.try_get("sku")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            product_version: row.try_get("product_version")?,
            stock_version: row.try_get("stock_version")?,
        })
    }
}

impl FromRow<'_, PgRow> for Category {
    fn from_row(row: &PgRow) -> Result<Category, sqlx::Error> {
        Ok(Category {
            id: row.try_get::<Uuid, _>("id")?.into(),
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            version: row.try_get("version")?,
        })
    }
}
